"""Photographs in groups by what their captions mean, and a name for each group.

Ward's method, from scikit-learn: it has no random start, so that the same captions give the same
groups, and every photograph gets one (density methods such as HDBSCAN call half of the captions of
coco-concepts noise). It needs the distance of every pair, so beyond ``SAMPLE`` photographs the
groups are made on a sample drawn by seed, and each photograph joins the nearest group's mean.

n photographs, L width, K groups, V names of the vocabulary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import AgglomerativeClustering

from glasskit.errors import InputError
from glasskit.models.vectors import unit

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

SAMPLE = 5_000
"""Photographs that Ward's method sees: 12.5 million pairs, 100 MB."""

PHOTOS_A_GROUP = 15
"""Photographs for each of the K groups, where the user names no K; coco-concepts has as many."""

FARTHEST = 0.1
"""Share of a group's photographs that lie outside its reach, see `joined`. On the captions of
coco-concepts a photograph is then in 1.7 of 50 groups; a half gives 1.1, none 3.2."""


def default_groups(photos: int, most: int) -> int:
    """K where the user names none: one for every 15 photographs, from 2 to ``most``."""
    return max(2, min(round(photos / PHOTOS_A_GROUP), most))


def cluster(vectors: Vectors, groups: int, smallest: int, seed: int) -> Labels:
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
    if n < 2 * smallest:
        count = f"{n} photograph is" if n == 1 else f"{n} photographs are"
        raise InputError(
            f"{count} too few for two concepts of {smallest}; --min-photos says how many each has"
        )
    if not 2 <= groups <= n:
        raise InputError(f"concepts {groups}: choose 2 to {n}, the number of photographs")
    if n <= SAMPLE:
        labels = AgglomerativeClustering(groups).fit_predict(vectors)
    else:
        rows = np.sort(np.random.default_rng(seed).choice(n, SAMPLE, replace=False))
        of_sample = AgglomerativeClustering(min(groups, SAMPLE)).fit_predict(vectors[rows])
        labels = (vectors @ unit(group_means(vectors[rows], of_sample)).T).argmax(1)
    while True:
        kept, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
        if counts.min() >= smallest or len(kept) == 2:
            break
        near = vectors @ unit(group_means(vectors, labels)).T
        near[:, counts.argmin()] = -np.inf
        labels = np.where(labels == counts.argmin(), near.argmax(1), labels)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return rank[labels]


def group_means(vectors: Vectors, labels: Labels) -> Vectors:
    """(K, L) mean of each group's unit vectors, not normalised: its length says how tight it is."""
    total = np.zeros((int(labels.max()) + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(total, labels, vectors)
    size = np.bincount(labels).astype(np.float32)
    return np.asarray(total / size[:, None], dtype=np.float32)


def joined(vectors: Vectors, labels: Labels, most: int) -> list[list[int]]:
    """The groups of each photograph: its own, then others that it fits as well, the nearest first.

    It joins another group where it is nearer to that group's mean than the farthest tenth of the
    group's own photographs are, each of these compared with the mean of the others.

    Args:
        vectors: (n, L) unit vectors.
        labels: (n,) the own group of each.
        most: groups a photograph may be in.
    """
    means = group_means(vectors, labels)
    sizes = np.bincount(labels)
    others = unit(means[labels] * sizes[labels, None] - vectors)  # a sum points as its mean does
    own = (vectors * others).sum(1)
    reach = np.array([np.quantile(own[labels == group], FARTHEST) for group in range(len(means))])
    near = vectors @ unit(means).T  # (n, K)
    near = np.where(near >= reach, near, -np.inf)
    near[np.arange(len(near)), labels] = np.inf
    ranked = np.argsort(-near, axis=1, kind="stable")[:, :most]
    return [[int(k) for k in row if n[k] > -np.inf] for row, n in zip(ranked, near, strict=True)]


def name_scores(means: Vectors, names: Vectors) -> Vectors:
    """(K, V) cosine of what sets a group apart and what sets a name apart.

    s(k, v) = cos(m_k - mean m, c_v - mean c): without the two means a few names that are near to
    any caption would win most groups.

    Args:
        means: (K, L) group means.
        names: (V, L) concept vectors.
    """
    return unit(means - means.mean(0)) @ unit(names - names.mean(0)).T


def assign_names(scores: Vectors) -> Labels:
    """(K,) the name of each group: no name twice, the sum of the scores as large as can be.

    Raises:
        InputError: there are more groups than names.
    """
    groups, names = scores.shape
    if groups > names:
        raise InputError(
            f"concepts {groups}: the vocabulary has only {names} names; choose fewer or add names"
        )
    _, chosen = linear_sum_assignment(scores, maximize=True)
    return chosen.astype(np.int64)
