"""Outlines and what a selection shares."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.analysis.selection import inside, shared_concepts


def test_inside_a_square_and_a_hollow_shape() -> None:
    points = np.array([[0.5, 0.5], [1.5, 0.5], [-0.1, 0.5], [0.5, 2.0]])
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    assert inside(points, square).tolist() == [True, False, False, False]
    # A U: the middle of its mouth is outside.
    letter = np.array([[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]])
    assert inside(np.array([[1.5, 2], [0.5, 2], [2.5, 2]]), letter).tolist() == [False, True, True]


def test_shared_concepts_by_hand() -> None:
    pictures = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    concepts = np.array([[1.0, 0], [0, 1]])
    best, other = shared_concepts(pictures, concepts, ("east", "north"), np.array([0, 1]))
    # similarities to east are 1 1 0 0: mean 0.5, deviation 0.5, of the selection 1
    assert best == ("east", pytest.approx(1.0))
    assert other.name == "north"
    assert other.lift == pytest.approx(-1.0)
