"""Arithmetic of vectors, once for the whole kit: unit length, products, the k nearest, ties.

Search is exact: one matrix product, then the k largest of each row. To a million vectors that needs
no index to build or to keep in step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from glasskit.errors import InputError

SCORES_AT_A_TIME = 2**25
"""Similarities that are kept at a time, 128 MB; bounds how many queries are compared at once."""

TIE = 1e-6
"""Scores closer than this count as equal.

Float32 dot products of the very same two vectors differ by about 1e-7 with the order of summation,
so an exact comparison would hand out "wins" that are rounding. Ties never count as correct.
"""

UNIT = 5e-7
"""A float32 row at length 1 has this length, give or take rounding."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1 as float32; a row of zeros stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def unit_rows(vectors: np.ndarray | torch.Tensor, what: str) -> np.ndarray:
    """Rows of float32 at length 1; a row of zeros stays zero and so ties with everything.

    Rows that have that length already come back as they are, not as a copy.

    Args:
        vectors: (n, L), numpy or torch.
        what: named in the error, for example "image vectors".

    Raises:
        InputError: not two-dimensional, empty, or with a NaN or an infinity anywhere.
    """
    if isinstance(vectors, torch.Tensor):
        vectors = vectors.detach().float().cpu().numpy()
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"{what}: expected (n, L) with n, L >= 1, got {rows.shape}")
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    if not np.isfinite(norms).all():
        bad = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise InputError(f"{what}: row {bad} holds NaN or infinity; a score of it means nothing")
    return rows if np.abs(norms - 1).max() < UNIT else unit(rows)


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left @ right.T as float32: one block of scores (torch's product is faster than numpy's)."""
    return torch.mm(torch.from_numpy(left), torch.from_numpy(right).T).numpy()


def row_products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) dot products of the rows of two (n, L) arrays."""
    return np.einsum("ij,ij->i", left, right)


def mean_direction(vectors: np.ndarray) -> np.ndarray:
    """(1, L) unit vector of the mean row; zeros where the mean vanishes."""
    mean = vectors.mean(axis=0, keepdims=True)
    norm = float(np.linalg.norm(mean))
    return (mean / norm if norm > 1e-12 else np.zeros_like(mean)).astype(np.float32)


def cohesion(vectors: np.ndarray) -> float:
    """Mean cosine similarity of two different rows; 1 for one row.

    (|sum v|^2 - n) / (n (n - 1)) for unit vectors v: no n x n matrix is needed.
    """
    n = len(vectors)
    if n < 2:
        return 1.0
    total = unit(vectors).astype(np.float64).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


class Neighbours(NamedTuple):
    """The k nearest of each query, best first.

    Attributes:
        index: (q, k) rows of the bank.
        score: (q, k) cosine similarity, 1 for the same direction.
    """

    index: np.ndarray  # type: ignore[assignment]  # a tuple has a method of this name
    score: np.ndarray


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
    at_once = max(1, min(1024, SCORES_AT_A_TIME // max(len(bank), 1)))
    for start in range(0, len(query), at_once):
        rows = slice(start, start + at_once)
        similarity = query[rows] @ bank.T  # (rows, b)
        if exclude_self:
            place = np.arange(len(similarity))
            similarity[place, start + place] = -np.inf
        for row, scores in enumerate(similarity, start):
            index[row] = top_k(scores, k)
            score[row] = scores[index[row]]
    return Neighbours(index, score)


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """(k,) places of the k largest of (n,) scores, the largest first, of equals the lower place."""
    if k < 1:
        return np.empty(0, dtype=np.int64)
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > least)
        chosen = np.concatenate([above, np.flatnonzero(scores == least)[: k - len(above)]])
    else:
        chosen = np.arange(len(scores))
    chosen.sort()
    return chosen[np.argsort(-scores[chosen], kind="stable")][:k]
