"""One group, by hand and against the losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from glasskit.analysis.groups import group_report, rivals
from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss
from glasskit.models.embedding import Embedding

AXES = np.eye(3, dtype=np.float32)
SEEN = Embedding(picture=AXES[[0, 0, 1, 1, 2]], caption=AXES[[0, 0, 1, 1, 2]], concept=AXES)
GROUPS = {"a": np.array([0, 1]), "b": np.array([2, 3]), "c": np.array([4])}


def test_by_hand() -> None:
    found = group_report(SEEN, GROUPS, "a", [0, 1], ["b"], word=AXES[0], temperature=1.0)
    assert found.similarity.tolist() == [[1, 1], [1, 1]]
    assert found.to_centre == pytest.approx([1, 1])
    assert found.cohesion == pytest.approx(1)
    assert found.word == pytest.approx(1)
    image = torch.tensor(AXES[[[0, 0], [1, 1]]])
    assert found.outer == pytest.approx(float(outer_loss(image, image, 1.0)), abs=1e-6)
    assert found.inner == pytest.approx(float(inner_loss(image, image, 1.0)), abs=1e-6)
    lone = group_report(SEEN, GROUPS, "a", [0, 1], [], word=AXES[0])
    assert math.isnan(lone.outer)
    assert math.isnan(lone.inner)


def test_a_stranger_loosens_the_group() -> None:
    alone = group_report(SEEN, GROUPS, "a", [0, 1], ["b"], word=AXES[0])
    mixed = group_report(SEEN, GROUPS, "a", [0, 1, 4], ["b"], word=AXES[0])
    assert mixed.cohesion == pytest.approx(1 / 3)
    assert mixed.word < alone.word
    assert mixed.outer > alone.outer


def test_rivals_are_the_nearest_centres() -> None:
    tilted = Embedding(np.array([[1, 0], [0, 1], [0.9, 0.3]], np.float32), AXES, AXES)
    groups = {"a": np.array([0]), "b": np.array([1]), "c": np.array([2])}
    assert rivals(tilted, groups, "a") == ["c", "b"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([0], "choose 2 to 64"),
        (list(range(65)), "choose 2 to 64"),
        ([0, 0], "different"),
        ([0, 9], "of this data set"),
        ([-1, 0], "of this data set"),
    ],
)
def test_bad_groups(members: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        group_report(SEEN, GROUPS, "a", members, ["b"], word=AXES[0])
