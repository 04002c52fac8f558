"""Recognition at a level: what is summed up, and what guessing gives."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import unit

from glasskit.errors import InputError
from glasskit.evaluation.concepts import recognise_labels

LABELS = ("joy", "grief", "work")
AXES = np.eye(3)


def test_the_summary_by_hand() -> None:
    images = unit(np.array([[3, 2, 1], [3, 2, 1], [1, 3, 2], [1, 2, 3.0], [1, 1, 0]]))
    also = np.zeros((5, 3), dtype=bool)
    also[1, 0] = True
    result = recognise_labels(images, AXES, LABELS, np.array([0, 1, 0, 2, 0]), also)
    assert result.answers == ["joy", "joy", "grief", "work", "a tie"]
    summary = result.summary()
    assert summary["top1"] == 2 / 5
    assert summary["acceptable_top1"] == 3 / 5
    assert summary["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 + 1 / 2) / 5)
    assert summary["macro_top1"] == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert summary["chance"] == pytest.approx(1 / 3)
    assert summary["best_constant"] == 3 / 5
    assert summary["acceptable_chance"] == pytest.approx((1 + 2 + 1 + 1 + 1) / 15)
    assert summary["top5"] is None


@pytest.mark.parametrize(
    ("images", "target", "message"),
    [
        (np.array([[np.nan, 0, 0]]), [0], "row 0 holds NaN"),
        (np.ones((1, 3)), [3], "none of the labels"),
        (np.ones((1, 2)), [0], "label vectors"),
        (np.ones(3), [0], r"expected \(n, L\)"),
    ],
)
def test_bad_input(images: np.ndarray, target: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recognise_labels(images, AXES, LABELS, np.array(target))
