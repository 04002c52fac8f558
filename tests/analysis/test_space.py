"""Alignment, uniformity, gap, neighbours and directions on vectors that one can see through."""

from __future__ import annotations

import math

import numpy as np
import pytest

from glasskit.analysis.space import direction, kept_neighbours, same_group_share, spread

CROSS = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])


def test_spread_of_a_cross() -> None:
    one = spread(CROSS, CROSS)
    assert one.alignment == pytest.approx(0)
    assert one.gap == pytest.approx(0, abs=1e-6)
    # Four pairs at squared distance 2, two at 4.
    assert one.uniformity == pytest.approx(
        math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6), rel=1e-5
    )


def test_gap_and_alignment_of_opposite_cones() -> None:
    one = spread(np.array([[1.0, 0], [1, 0]]), np.array([[-1.0, 0], [-1, 0]]))
    assert one.gap == pytest.approx(2)
    assert one.alignment == pytest.approx(4)


def test_neighbours_of_ones_own_group() -> None:
    near = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    assert same_group_share(near, np.array([0, 0, 1, 1]), k=1) == 1
    assert same_group_share(near, np.array([0, 1, 0, 1]), k=1) == 0


def test_a_map_that_is_the_circle_keeps_all_neighbours() -> None:
    turn = np.linspace(0, 2, 20) ** 1.5
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert kept_neighbours(circle, circle, k=3) == 1
    assert kept_neighbours(circle[np.random.default_rng(0).permutation(20)], circle, k=3) < 0.5


def test_direction_points_from_the_others_to_the_concept() -> None:
    groups = {"a": np.array([0]), "b": np.array([2])}
    assert direction(np.array([[1.0, 0], [-1, 0]]), {"a": np.array([0])}, "a") == pytest.approx(
        [1, 0]
    )
    assert direction(CROSS, groups, "a")[0] > 0.9
