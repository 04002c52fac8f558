"""Names for groups, each once; and for each concept those that it is easily taken for.

K groups, V names of the vocabulary, L width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from glasskit.errors import InputError
from glasskit.grouping.clusters import Vectors
from glasskit.models.vectors import unit


def name_scores(means: Vectors, names: Vectors) -> NDArray[np.float32]:
    """(K, V) cosine of what sets a group apart and what sets a name apart.

    s(k, v) = cos(m_k - mean m, c_v - mean c): without the two means a few names that are near to
    any caption would win most groups.

    Args:
        means: (K, L) group means.
        names: (V, L) concept vectors.
    """
    return unit(means - means.mean(0)) @ unit(names - names.mean(0)).T


def assign_names(scores: NDArray[np.float32]) -> NDArray[np.int64]:
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


def hard_negatives(names: Vectors, count: int) -> list[list[int]]:
    """For each concept the ``count`` nearest others by the cosine of their vectors, nearest first.

    Args:
        names: (K, L) unit vectors of the names that were given.
    """
    near = names @ names.T
    np.fill_diagonal(near, -np.inf)
    order = np.argsort(-near, axis=1, kind="stable")
    return [row[: min(count, len(names) - 1)].tolist() for row in order]
