"""How a group of pictures lies in the space: how tight, how far from others, around what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from glasskit.models.vectors import unit


class GroupGeometry(NamedTuple):
    """One group of pictures, measured in cosine similarity.

    Attributes:
        concept: the concept that the group shares.
        size: how many pictures.
        cohesion: mean similarity of two different pictures of the group (1: all the same).
        nearest: the concept of the group whose centre is nearest.
        nearest_similarity: similarity of the two centres.
        word: similarity of the group's centre to the vector of its own concept's name.
        margin: mean over the group's pictures of (similarity to the own centre without the picture
            itself) - (largest similarity to another centre); above 0 the pictures are on average
            nearer to their own centre than to any other.
    """

    concept: str
    size: int
    cohesion: float
    nearest: str
    nearest_similarity: float
    word: float
    margin: float


def pairwise(vectors: np.ndarray) -> np.ndarray:
    """(n, n) cosine similarity of every two."""
    vectors = unit(vectors)
    return vectors @ vectors.T


def cohesion(vectors: np.ndarray) -> float:
    """Mean cosine similarity of two different members; 1 for a group of one.

    (|sum v|^2 - n) / (n (n - 1)) for unit vectors v: no n x n matrix is needed.
    """
    n = len(vectors)
    if n < 2:
        return 1.0
    total = unit(vectors).astype(np.float64).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def centroid(vectors: np.ndarray) -> np.ndarray:
    """(L,) unit vector to the middle of the group."""
    return unit(unit(vectors).mean(axis=0))


def leave_one_out_centroids(vectors: np.ndarray) -> np.ndarray:
    """(n, L) unit vectors: for each member the middle of the others (itself in a group of 1)."""
    vectors = unit(vectors)
    return vectors if len(vectors) < 2 else unit(vectors.sum(axis=0) - vectors)


def group_geometry(
    pictures: np.ndarray, groups: Mapping[str, np.ndarray], words: Mapping[str, np.ndarray]
) -> list[GroupGeometry]:
    """Measure every group.

    Args:
        pictures: (n, L).
        groups: indices of the pictures of each concept.
        words: (L,) vector of each concept's name.
    """
    pictures = unit(pictures)
    names = list(groups)
    middles = np.stack([centroid(pictures[groups[name]]) for name in names])  # (g, L)
    between = middles @ middles.T
    np.fill_diagonal(between, -np.inf)
    report = []
    for g, name in enumerate(names):
        members = pictures[groups[name]]
        own = (members * leave_one_out_centroids(members)).sum(axis=1)
        others = members @ np.delete(middles, g, axis=0).T if len(names) > 1 else None
        margin = float((own - others.max(axis=1)).mean()) if others is not None else float("nan")
        other = int(between[g].argmax())
        report.append(
            GroupGeometry(
                concept=name,
                size=len(members),
                cohesion=cohesion(members),
                nearest=names[other] if len(names) > 1 else "",
                nearest_similarity=float(between[g, other]) if len(names) > 1 else float("nan"),
                word=float(middles[g] @ unit(words[name])),
                margin=margin,
            )
        )
    return report
