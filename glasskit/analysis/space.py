"""Numbers that say how two clouds of vectors lie: alignment, uniformity, the gap between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from glasskit.models.vectors import nearest, unit


class Spread(NamedTuple):
    """How pictures and captions share a space.

    Attributes:
        alignment: mean squared distance of a picture to its caption (0 to 4; small is near).
        uniformity: log mean e^(-2 d^2) over pairs of different pictures (0 to -8, on the sphere;
            the lower, the more evenly they fill it). Wang and Isola 2020, arXiv 2005.10242.
        gap: length between the means of pictures and captions (0 to 2). Liang et al. 2022,
            arXiv 2203.02053.
    """

    alignment: float
    uniformity: float
    gap: float


def spread(pictures: np.ndarray, captions: np.ndarray) -> Spread:
    """Alignment, uniformity and gap of (n, L) pictures and their (n, L) captions."""
    u, v = unit(pictures), unit(captions)
    squared = 2 - 2 * (u @ u.T)[np.triu_indices(len(u), 1)]
    return Spread(
        alignment=float(((u - v) ** 2).sum(axis=1).mean()),
        uniformity=float(np.log(np.exp(-2 * squared).mean())),
        gap=float(np.linalg.norm(u.mean(axis=0) - v.mean(axis=0))),
    )


def same_group_share(vectors: np.ndarray, group: np.ndarray, k: int = 5) -> float:
    """Share of the k nearest neighbours of each picture that are of its own group.

    Args:
        vectors: (n, L). group: (n,) label of each. k: neighbours asked, the picture itself not.
    """
    found = nearest(vectors, vectors, k, exclude_self=True).index  # (n, k)
    return float((group[found] == group[:, None]).mean())


def kept_neighbours(places: np.ndarray, vectors: np.ndarray, k: int = 10) -> float:
    """Share of the k nearest in the full space that are also among the k nearest on a flat map.

    Args:
        places: (n, 2) on the map, compared by distance. vectors: (n, L), compared by cosine.
    """
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1)  # (n, n)
    np.fill_diagonal(apart, np.inf)
    on_map = np.argsort(apart, axis=1, kind="stable")[:, :k]
    in_space = nearest(vectors, vectors, k, exclude_self=True).index
    return float(
        np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(on_map, in_space, strict=True)])
    )


def direction(pictures: np.ndarray, groups: Mapping[str, np.ndarray], concept: str) -> np.ndarray:
    """(L,) unit vector from the mean of all other pictures to the mean of a concept's pictures."""
    inside = np.zeros(len(pictures), dtype=bool)
    inside[groups[concept]] = True
    vectors = unit(pictures)
    return unit(vectors[inside].mean(axis=0) - vectors[~inside].mean(axis=0))


def rank_score(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n,) place of each vector in order of nearness to the query: 0 the farthest, 1 the nearest.

    Places, not similarities: so that the colours of two models, whose similarities spread
    differently, can be laid side by side.
    """
    similarity = vectors @ query
    place = np.argsort(np.argsort(similarity, kind="stable"), kind="stable")
    return place / max(len(vectors) - 1, 1)
