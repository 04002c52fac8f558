"""How good the groups are: how tight, how far apart, and how they agree with labels if there are.

n photographs, L width, K groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    adjusted_rand_score,
    normalized_mutual_info_score,
    silhouette_score,
)
from sklearn.metrics.cluster import contingency_matrix

from glasskit.grouping.clusters import Labels, Vectors
from glasskit.models.vectors import cohesion

SAMPLE = 2_000
"""Photographs that the silhouette is computed on, drawn by seed; it needs every pair of them."""


@dataclass(frozen=True, slots=True)
class Tightness:
    """How captions of one group compare with those of different groups.

    Args:
        silhouette: mean silhouette with cosine distance, -1 to 1 (Rousseeuw 1987).
        within: mean cosine of two photographs of one group.
        between: mean cosine of two photographs of different groups.
    """

    silhouette: float
    within: float
    between: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How groups agree with labels that somebody gave; labels had no part in making them.

    Args:
        labelled: photographs that have a label.
        labels: distinct labels.
        purity: share of photographs whose label is the commonest of their group.
        nmi: normalised mutual information, 0 to 1.
        ari: adjusted Rand index, 0 at chance, 1 at best.
        named: share of photographs whose group got the very name of their label.
    """

    labelled: int
    labels: int
    purity: float
    nmi: float
    ari: float
    named: float


def tightness(vectors: Vectors, groups: Labels, seed: int) -> Tightness:
    """Silhouette and mean cosines, without a matrix of all pairs; 0 where there is no pair.

    Args:
        vectors: (n, L) unit vectors.
        groups: (n,) the group of each.
        seed: of the sample for the silhouette.
    """
    n, sizes = len(vectors), np.bincount(groups).astype(np.float64)
    pairs = sizes * (sizes - 1)  # (K,) ordered pairs of two different ones
    inner = cohesions(vectors, groups) @ pairs
    every = cohesion(vectors) * n * (n - 1)
    return Tightness(
        silhouette=_silhouette(vectors, groups, seed),
        within=float(inner / max(pairs.sum(), 1)),
        between=float((every - inner) / max(n * (n - 1) - pairs.sum(), 1)),
    )


def cohesions(vectors: Vectors, groups: Labels) -> NDArray[np.float64]:
    """(K,) mean cosine of two photographs of each group, numbered from 0; 0 for a group of one."""
    each = [cohesion(vectors[groups == k]) for k in range(groups.max() + 1)]
    return np.where(np.bincount(groups) > 1, each, 0.0)


def loose(cosines: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(K,) which groups hold together less than half as well as the median group does.

    Clustering puts every photograph somewhere: what fits nowhere ends in a group of leftovers,
    whose name says nothing about it, however well it scores.
    """
    return cosines < np.median(cosines) / 2


def agreement(groups: Sequence[str], labels: Sequence[str | None]) -> Agreement | None:
    """Agreement over the photographs that have a label; None where none has.

    Args:
        groups: (n,) the name of each photograph's group.
        labels: (n,) the label of each, or None.
    """
    both = [(g, y) for g, y in zip(groups, labels, strict=True) if y is not None]
    if not both:
        return None
    of_group, of_label = zip(*both, strict=True)
    table = contingency_matrix(of_group, of_label)
    return Agreement(
        labelled=len(both),
        labels=table.shape[1],
        purity=float(table.max(1).sum() / len(both)),
        nmi=float(normalized_mutual_info_score(of_label, of_group)),
        ari=float(adjusted_rand_score(of_label, of_group)),
        named=float(np.mean([g == y for g, y in both])),
    )


def _silhouette(vectors: Vectors, groups: Labels, seed: int) -> float:
    rows = np.arange(len(groups))
    if len(rows) > SAMPLE:
        rows = np.random.default_rng(seed).choice(len(rows), SAMPLE, replace=False)
    kinds = len(np.unique(groups[rows]))
    if not 2 <= kinds < len(rows):
        return 0.0  # the convention for groups of one, for which it is not defined
    return float(silhouette_score(vectors[rows], groups[rows], metric="cosine"))
