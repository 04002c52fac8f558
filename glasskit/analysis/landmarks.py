"""Maps of many vectors: landmarks first, the rest among them, then all together for a while.

1. UMAP of a few thousand vectors drawn at random (the landmarks) finds the shape of the whole.
2. Every other vector starts at the weighted mean place of the landmarks nearest to it.
3. A short run of UMAP over the neighbour graph of all vectors corrects the places.

The neighbours of step 3 are searched for in the cells of the landmarks near by, which finds about
nine in ten and takes seconds where comparing all pairs takes minutes. Random landmarks are as good
as spread-out ones (k-means++, farthest points) here, and cost nothing: `tests/benchmarks/maps.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glasskit.analysis.fitting import Progress, fit, largest

LANDMARKS = 4000
EPOCHS = 50
"""Of step 3, in which UMAP alone would take 200 and more."""

CANDIDATES = 1500
"""Vectors that are compared with each one to find its neighbours."""

PLACED_BY = 5
"""Landmarks or pictures by which one vector is placed."""

STEPS = 100
"""Into which each stage is divided for the progress that is reported."""


def landmark_fit(
    vectors: np.ndarray,
    *,
    start: np.ndarray | None = None,
    landmarks: int | None = None,
    neighbours: int,
    min_dist: float,
    seed: int,
    progress: Progress | None = None,
) -> np.ndarray:
    """(n, 2) places of (n, L) unit vectors on UMAP's own scale; arguments as of ``fitting.fit``.

    Where ``start`` is given, steps 1 and 2 are left out. As many as ``LANDMARKS`` are taken where
    no number is given, and all vectors where there are fewer.
    """
    told = Stages(progress, 3)
    count = min(landmarks or LANDMARKS, len(vectors))
    chosen = np.random.default_rng(seed).choice(len(vectors), count, replace=False)
    chosen.sort()
    settings = {"neighbours": neighbours, "min_dist": min_dist, "seed": seed}
    if start is None:
        frame = fit(vectors[chosen], progress=told.stage(0), **settings)
        start = place(vectors, vectors[chosen], frame)
        start[chosen] = frame
    near = cell_neighbours(vectors, chosen, neighbours, progress=told.stage(1))
    return fit(vectors, start=start, epochs=EPOCHS, near=near, progress=told.stage(2), **settings)


def place(
    vectors: np.ndarray, known: np.ndarray, places: np.ndarray, k: int = PLACED_BY
) -> np.ndarray:
    """(m, 2) places of (m, L) unit vectors among (n, L) ``known`` ones whose places are known.

    The mean place of the k nearest, with UMAP's weights exp(-(d_j - d_1) / s), where d_j is the
    cosine distance to the j-th nearest and s is such that the weights sum to log2(k + 1).
    """
    k = min(k, len(known))
    found = np.empty((len(vectors), 2), dtype=np.float32)
    at_once = max(1, 2**24 // len(known))
    for first in range(0, len(vectors), at_once):
        rows = slice(first, first + at_once)
        index, score = largest(vectors[rows] @ known.T, k)
        weight = memberships(score[:, :1] - score)
        found[rows] = np.einsum("mk,mkd->md", weight, places[index]) / weight.sum(1)[:, None]
    return found


def memberships(beyond: np.ndarray) -> np.ndarray:
    """(m, k) weights e^(-x / s) of distances beyond the nearest; each row sums to log2(k + 1)."""
    target = np.log2(beyond.shape[1] + 1)
    low, high = np.full((2, len(beyond), 1), 1e-9)
    high += 16  # cosine distances end at 2
    for _ in range(40):
        middle = np.sqrt(low * high)  # the scale is what is searched for
        over = np.exp(-beyond / middle).sum(axis=1, keepdims=True) > target
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.exp(-beyond / high)


def cell_neighbours(
    vectors: np.ndarray,
    centres: np.ndarray,
    k: int,
    *,
    candidates: int = CANDIDATES,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """About the (n, k) nearest rows of each vector, itself first, and their cosine distances.

    Each vector belongs to the cell of its nearest centre, and is compared with all members of the
    nearest cells, as many cells as hold ``candidates`` vectors on average.

    Args:
        vectors: (n, L) of length 1.
        centres: rows of ``vectors`` that are centres of cells.
        k: how many.
        candidates: vectors that each one is compared with.
        progress: called with (done, total) cells.
    """
    middles = vectors[centres]
    cell = np.concatenate(
        [(part @ middles.T).argmax(axis=1) for part in np.array_split(vectors, _parts(vectors))]
    )
    sizes = np.bincount(cell, minlength=len(centres))
    members = np.split(np.argsort(cell, kind="stable"), np.cumsum(sizes)[:-1])
    asked = min(len(centres), max(2, round(candidates * len(centres) / len(vectors))))
    around, _ = largest(middles @ middles.T, asked)
    index = np.empty((len(vectors), k), dtype=np.int32)
    distance = np.zeros((len(vectors), k), dtype=np.float32)
    for number, own in enumerate(members):
        pool = np.concatenate([members[other] for other in around[number]])
        if len(pool) < k:  # cells of almost nothing
            pool = np.arange(len(vectors))
        similarity = vectors[own] @ vectors[pool].T  # (own, pool)
        similarity[pool[None] == own[:, None]] = np.inf
        best, scores = largest(similarity, k)
        index[own], distance[own] = pool[best], np.maximum(1 - scores, 0)
        if progress is not None and number % max(1, len(members) // STEPS) == 0:
            progress(number, len(members))
    return index, distance


class Stages:
    """Progress of work in several stages, as one count to ``STEPS`` times their number."""

    def __init__(self, progress: Progress | None, count: int) -> None:
        self._progress, self._count = progress, count

    def stage(self, number: int) -> Callable[[int, int], None] | None:
        """What is called with (done, total) of one stage, counted from 0."""
        if self._progress is None:
            return None
        told = self._progress

        def report(done: int, total: int) -> None:
            told(number * STEPS + STEPS * done // max(total, 1), self._count * STEPS)

        return report


def _parts(vectors: np.ndarray) -> int:
    return max(1, len(vectors) // 4096)
