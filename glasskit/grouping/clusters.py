"""Photographs in groups by what their captions mean.

Ward's method, from scikit-learn: it has no random start, so that the same captions give the same
groups, and every photograph gets one (density methods such as HDBSCAN call half of the captions of
coco-concepts noise). It needs the distance of every pair, so beyond ``SAMPLE`` photographs the
groups are made on a sample drawn by seed, and each photograph joins the nearest group's mean.

n photographs, L width, K groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from glasskit.errors import InputError
from glasskit.models.vectors import unit

Vectors = NDArray[np.float32]

SAMPLE = 5_000
"""Photographs that Ward's method sees: 12.5 million pairs, 100 MB."""

PHOTOS_A_GROUP = 15
"""Photographs for each of the K groups, where the user names no K; coco-concepts has as many."""


def photo_vectors(captions: Vectors, owners: Sequence[int], photos: int) -> Vectors:
    """(photos, L) normalised mean of each photograph's caption vectors.

    Args:
        captions: (captions, L) unit vectors.
        owners: (captions,) the photograph of each.
        photos: n.
    """
    total = np.zeros((photos, captions.shape[1]), dtype=np.float32)
    np.add.at(total, np.asarray(owners), captions)
    return unit(total)


def cluster(vectors: Vectors, groups: int, smallest: int, seed: int) -> NDArray[np.int64]:
    """(n,) a group for each photograph, numbered from 0 by size, the largest first.

    Groups with fewer than ``smallest`` photographs are given up, the smallest first, and their
    photographs join the nearest group that is left.

    Args:
        vectors: (n, L) unit vectors.
        groups: K, the groups to begin with.
        smallest: photographs that a group must have.
        seed: of the sample, where there is one.

    Raises:
        InputError: K or ``smallest`` does not fit n.
    """
    n = len(vectors)
    count = f"{n} photograph is" if n == 1 else f"{n} photographs are"
    if n < 2 * smallest:
        raise InputError(
            f"{count} too few for two concepts of {smallest}; --min-photos says how many each has"
        )
    if not 2 <= groups <= n:
        raise InputError(f"concepts {groups}: choose 2 to {n}, the number of photographs")
    rows = np.arange(n)
    if n > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(n, SAMPLE, replace=False))
    of_sample = AgglomerativeClustering(min(groups, len(rows))).fit_predict(vectors[rows])
    means = _means(vectors[rows], of_sample)
    labels = of_sample if len(rows) == n else (vectors @ unit(means).T).argmax(1)
    while True:
        kept, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if counts.min() >= smallest or len(kept) == 2:
            break
        means = _means(vectors, labels)
        near = vectors @ unit(means).T
        near[:, counts.argmin()] = -np.inf
        labels = np.where(labels == counts.argmin(), near.argmax(1), labels)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return rank[labels]


def group_means(vectors: Vectors, labels: NDArray[np.int64]) -> Vectors:
    """(K, L) mean of each group's unit vectors, not normalised: its length says how tight it is."""
    return _means(vectors, labels)


def default_groups(photos: int, most: int) -> int:
    """K where the user names none: one for every 15 photographs, from 2 to ``most``."""
    return max(2, min(round(photos / PHOTOS_A_GROUP), most))


def _means(vectors: Vectors, labels: NDArray[np.int64]) -> Vectors:
    total = np.zeros((int(labels.max()) + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(total, labels, vectors)
    return total / np.bincount(labels)[:, None].astype(np.float32)
