"""Exact nearest neighbours: one matrix product, then the k largest of each row.

Exact is the right default to a million vectors (1.2 ms for one query among 10,000 of 512 numbers,
217 ms among a million, two CPU cores), and it needs no index to build or to keep in step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ROWS_AT_A_TIME = 1024
"""Queries compared in one matrix product; bounds memory at 1024 x bank similarities."""


class Neighbours(NamedTuple):
    """The k nearest of each query, best first.

    Attributes:
        index: (q, k) rows of the bank.
        score: (q, k) cosine similarity, 1 for the same direction.
    """

    index: np.ndarray
    score: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1 as float32; a row of zeros stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def nearest(
    query: np.ndarray, bank: np.ndarray, k: int, *, exclude_self: bool = False
) -> Neighbours:
    """The k rows of ``bank`` with the largest cosine similarity to each row of ``query``.

    Args:
        query: (q, L) vectors of any length.
        bank: (b, L) vectors of any length.
        k: how many; at most the size of the bank is returned.
        exclude_self: query is the bank itself, and no row is its own neighbour.

    Returns:
        Neighbours of shape (q, min(k, b)), of equal scores the lower index first.
    """
    query, bank = unit(np.atleast_2d(query)), unit(bank)
    k = min(k, len(bank) - int(exclude_self))
    index = np.empty((len(query), k), dtype=np.int64)
    score = np.empty((len(query), k), dtype=np.float32)
    for start in range(0, len(query), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        similarity = query[rows] @ bank.T  # (rows, b)
        if exclude_self:
            place = np.arange(len(similarity))
            similarity[place, start + place] = -np.inf
        index[rows] = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        score[rows] = np.take_along_axis(similarity, index[rows], axis=1)
    return Neighbours(index, score)


def nearness(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n,) place of each vector in order of nearness to the query: 0 the farthest, 1 the nearest.

    Places, not similarities: so that the colours of two models, whose similarities spread
    differently, can be laid side by side.
    """
    similarity = vectors @ query
    place = np.argsort(np.argsort(similarity, kind="stable"), kind="stable")
    return place / max(len(vectors) - 1, 1)
