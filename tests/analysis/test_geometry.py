"""Group geometry by hand."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.analysis.geometry import (
    centroid,
    cohesion,
    group_geometry,
    leave_one_out_centroids,
    pairwise,
)

HALF = np.sqrt(0.5)


def test_cohesion_is_the_mean_of_different_pairs() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 1]])  # pairs: 0, HALF, HALF
    assert cohesion(vectors) == pytest.approx(2 * HALF / 3)
    similarity = pairwise(vectors)
    assert similarity[np.triu_indices(3, 1)].mean() == pytest.approx(cohesion(vectors))
    assert cohesion(vectors[:1]) == 1.0


def test_centroids() -> None:
    vectors = np.array([[2, 0], [0, 5], [0, 1]])
    assert centroid(vectors[:2]) == pytest.approx([HALF, HALF])
    others = leave_one_out_centroids(vectors)
    assert others[0] == pytest.approx([0, 1])
    assert others[1] == pytest.approx([HALF, HALF])


def test_two_groups() -> None:
    pictures = np.array([[1, 0], [1, 0], [0, 1], [1, 1]])
    groups = {"east": np.array([0, 1]), "north": np.array([2, 3])}
    words = {"east": np.array([0, 3.0]), "north": np.array([0, 1.0])}
    east, north = group_geometry(pictures, groups, words)
    assert (east.concept, east.size, east.nearest) == ("east", 2, "north")
    middle = centroid(pictures[2:])  # at 67.5 degrees
    assert east.cohesion == pytest.approx(1)
    assert east.word == pytest.approx(0)
    assert east.nearest_similarity == pytest.approx(middle[0])
    assert east.margin == pytest.approx(1 - middle[0])
    # (0, 1) is HALF from its only companion and 0 from east; (1, 1) is HALF from both.
    assert north.margin == pytest.approx(((HALF - 0) + (HALF - HALF)) / 2)


def test_one_group_has_no_other() -> None:
    (only,) = group_geometry(np.eye(2), {"all": np.array([0, 1])}, {"all": np.ones(2)})
    assert only.nearest == ""
    assert np.isnan(only.margin)
