"""Standard scores: the formula by hand, names that tell nothing, the reference pictures."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.errors import InputError
from glasskit.models import standard
from glasskit.models.standard import Standard, blend, label_scores, reference_rows
from glasskit.models.vectors import unit
from tests.analysis.toys import colour_dataset


def test_by_hand() -> None:
    # Cosines to east .6 and 1, to north .8 and 0: means .8 and .4, deviations .2 and .4.
    reference = unit(np.array([[3, 4], [1, 0.0]]))
    axes = np.eye(2, dtype=np.float32)
    found = label_scores(axes[1:], axes, Standard.over(reference, axes))
    assert found[0] == pytest.approx([(0 - 0.8) / 0.2, (1 - 0.4) / 0.4], rel=1e-5)
    assert label_scores(axes[1:], axes).tolist() == [[0, 1]]


def test_over_the_reference_itself_each_name_has_mean_0_and_deviation_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    reference, names = unit(rng.normal(size=(40, 8))), unit(rng.normal(size=(5, 8)))
    monkeypatch.setattr(standard, "SCORES_AT_A_TIME", 80)  # two names at a time
    scores = label_scores(reference, names, Standard.over(reference, names))
    assert scores.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-5)
    assert scores.std(axis=0) == pytest.approx(np.ones(5), abs=1e-5)


@pytest.mark.parametrize("reference", [[[3, 4.0]], [[3, 4.0]] * 3, [[3, 4.0], [3, -4.0]]])
def test_a_name_that_all_are_equally_near_to_scores_0(reference: list) -> None:
    axes = np.eye(2, dtype=np.float32)
    scores = label_scores(axes, axes, Standard.over(unit(np.array(reference)), axes))
    assert scores[:, 0].tolist() == [0, 0]
    assert np.isfinite(scores).all()


def test_the_reference_is_the_train_split_or_all() -> None:
    dataset = colour_dataset()
    splits = [dataset.records[row].split for row in reference_rows(dataset)]
    assert splits == ["train"] * 9
    assert len(reference_rows(dataset.split("test"))) == 3


def test_a_blend_is_the_weighted_sum() -> None:
    one, other = np.array([[1.0, -2]]), np.array([[3.0, 0]])
    assert blend([one, other], (0.25, 0.75)).tolist() == [[2.5, -0.5]]
    for weights in ((1,), (-1, 1)):
        with pytest.raises(InputError, match="2 models need as many weights"):
            blend([one, other], weights)
