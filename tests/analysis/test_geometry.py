"""Groups, clouds and gradients on vectors that one can see through, by hand and by the losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from glasskit.analysis.geometry import (
    alignment_uniformity,
    apart,
    centroid,
    direction,
    group_geometry,
    group_report,
    nearest_groups,
    neighbourhood_preservation,
    pairwise,
    precision_at_k,
    rank_score,
    rivals,
)
from glasskit.analysis.gradients import gradient_descent, loss_of, negative_gradient, on_circle
from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import cohesion

HALF = np.sqrt(0.5)
AXES = np.eye(3, dtype=np.float32)
SEEN = Embedding(picture=AXES[[0, 0, 1, 1, 2]], caption=AXES[[0, 0, 1, 1, 2]], concept=AXES)
GROUPS = {"a": np.array([0, 1]), "b": np.array([2, 3]), "c": np.array([4])}
CROSS = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def test_cohesion_is_the_mean_of_different_pairs() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 1]])  # pairs: 0, HALF, HALF
    assert cohesion(vectors) == pytest.approx(2 * HALF / 3)
    similarity = pairwise(vectors)
    assert similarity[np.triu_indices(3, 1)].mean() == pytest.approx(cohesion(vectors))
    assert cohesion(vectors[:1]) == 1.0


def test_two_groups() -> None:
    pictures = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
    groups = {"east": np.array([0, 1]), "north": np.array([2, 3])}
    east, north = group_geometry(pictures, groups)
    assert east.concept == "east"
    middle = centroid(pictures[2:])  # at 67.5 degrees
    assert east.cohesion == pytest.approx(1)
    assert east.margin == pytest.approx(1 - middle[0])
    # (0, 1) is HALF from its only companion and 0 from east; (1, 1) is HALF from both.
    assert north.margin == pytest.approx(((HALF - 0) + (HALF - HALF)) / 2)
    (only,) = group_geometry(np.eye(2), {"all": np.array([0, 1])})
    assert np.isnan(only.margin)


def test_nearest_groups_and_rivals() -> None:
    pictures = np.array([[1.0, 0], [0.8, 0.6], [0, 1]])
    groups = {"east": np.array([0, 1]), "north": np.array([2])}
    first, second = nearest_groups(np.array([0.0, 2]), pictures, groups)
    assert first == ("north", pytest.approx(1))
    middle = np.array([1.8, 0.6]) / np.hypot(1.8, 0.6)
    assert second == ("east", pytest.approx(middle[1], abs=1e-6))
    tilted = Embedding(np.array([[1, 0], [0, 1], [0.9, 0.3]], np.float32), AXES, AXES)
    assert rivals(tilted, {n: np.array([i]) for i, n in enumerate("abc")}, "a") == ["c", "b"]


def test_no_picture_of_a_group_stands_in_another_one() -> None:
    groups = {name: np.array(rows) for name, rows in {"a": [0, 1], "b": [1, 2], "c": [0]}.items()}
    assert {name: rows.tolist() for name, rows in apart(groups, "a").items()} == {
        "a": [0, 1],
        "b": [2],
    }


def test_a_group_by_hand_and_by_the_losses() -> None:
    found = group_report(SEEN, GROUPS, "a", [0, 1], ["b"], word=AXES[0], temperature=1.0)
    assert found.similarity.tolist() == [[1, 1], [1, 1]]
    assert found.to_centre == pytest.approx([1, 1])
    assert (found.cohesion, found.word) == (pytest.approx(1), pytest.approx(1))
    image = torch.tensor(AXES[[[0, 0], [1, 1]]])
    assert found.outer == pytest.approx(float(outer_loss(image, image, 1.0)), abs=1e-6)
    assert found.inner == pytest.approx(float(inner_loss(image, image, 1.0)), abs=1e-6)
    lone = group_report(SEEN, GROUPS, "a", [0, 1], [], word=AXES[0])
    assert math.isnan(lone.outer)
    assert math.isnan(lone.inner)
    # A stranger loosens the group.
    alone = group_report(SEEN, GROUPS, "a", [0, 1], ["b"], word=AXES[0])
    mixed = group_report(SEEN, GROUPS, "a", [0, 1, 4], ["b"], word=AXES[0])
    assert mixed.cohesion == pytest.approx(1 / 3)
    assert mixed.word < alone.word
    assert mixed.outer > alone.outer


@pytest.mark.parametrize(
    ("members", "message"),
    [([0], "choose 2 to 64"), ([0, 0], "different"), ([-1, 0], "of this data set")],
)
def test_bad_groups(members: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        group_report(SEEN, GROUPS, "a", members, ["b"], word=AXES[0])


def test_alignment_uniformity_and_gap() -> None:
    one = alignment_uniformity(CROSS, CROSS)
    # Of different pictures four pairs are at squared distance 2, two at 4.
    uniformity = math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6)
    assert one == pytest.approx((0, uniformity, 0), abs=1e-5)
    cones = alignment_uniformity(np.array([[1.0, 0], [1, 0]]), np.array([[-1.0, 0], [-1, 0]]))
    assert (cones.gap, cones.alignment) == (pytest.approx(2), pytest.approx(4))


def test_neighbours_of_ones_own_group() -> None:
    near = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    assert precision_at_k(near, np.array([0, 0, 1, 1]), k=1) == 1
    assert precision_at_k(near, np.array([0, 1, 0, 1]), k=1) == 0


def test_a_map_that_is_the_circle_keeps_all_neighbours() -> None:
    turn = np.linspace(0, 2, 20) ** 1.5
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert neighbourhood_preservation(circle, circle, k=3) == 1
    shuffled = circle[np.random.default_rng(0).permutation(20)]
    assert neighbourhood_preservation(shuffled, circle, k=3) < 0.5


def test_direction_and_rank_score() -> None:
    arrow = direction(np.array([[1.0, 0], [-1, 0]]), {"a": np.array([0])}, "a")
    assert arrow == pytest.approx([1, 0])
    assert direction(CROSS, {"a": np.array([0]), "b": np.array([2])}, "a")[0] > 0.9
    vectors = np.array([[1.0, 0], [0, 1], [0.7, 0.7]])
    assert rank_score(vectors, np.array([1.0, 0])).tolist() == [1, 0, 0.5]


def test_the_negative_gradient_turns_without_stretching_and_lowers_the_loss() -> None:
    image, text = on_circle([[10, 40], [170, 200]]), on_circle([[30, 15], [190, 150]])
    one = negative_gradient(image, text, outer_loss)
    assert one.value == pytest.approx(outer_loss(image, text).item())
    assert (one.image * one.image_step).sum(-1).abs().max() < 1e-9
    step = 1e-5
    moved = outer_loss(image + step * one.image_step, text)
    slope = float((outer_loss(image, text) - moved) / step)
    assert slope == pytest.approx(float(one.image_step.square().sum()), rel=1e-3)
    clip = loss_of("clip", temperature=0.3)
    free = gradient_descent(image, text, clip, steps=30)
    assert free.value < negative_gradient(image, text, clip).value
    assert torch.allclose(free.image.norm(dim=-1), torch.ones(2, 2, dtype=torch.float64))
