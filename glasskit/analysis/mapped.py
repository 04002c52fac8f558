"""Exact search among vectors that stay on disk: a million in a fraction of a second.

One product passes over the file, and what was read leaves this process's memory at once. Where the
vectors are float16, the query is rounded to float16 for it, which gives scores that are off by less
than a known margin; whatever may be among the k best is then scored again in float32. So the
answer is that of a product in float32 with the vectors as they are stored.
"""

from __future__ import annotations

import mmap

import numpy as np

from glasskit.models.vectors import Neighbours, top_k, unit

BYTES_AT_A_TIME = 2**27
"""Read by one product; after it they are taken out of this process's memory again."""

SLACK = 2e-4
"""More than float32 sums of float16 products are off, and vectors longer than 1 by rounding."""


def nearest_mapped(query: np.ndarray, bank: np.ndarray, k: int) -> Neighbours:
    """The k rows of ``bank`` with the largest cosine similarity to each row of ``query``.

    Args:
        query: (q, L) vectors of any length.
        bank: (b, L) float16 or float32 vectors of length 1, usually mapped.
        k: how many; at most the size of the bank is returned.

    Returns:
        Neighbours of shape (q, min(k, b)), of equal scores the lower index first. A row that is
        no vector (a number that is none) comes last with score -inf.
    """
    found = [_one(row, bank, min(k, len(bank))) for row in unit(np.atleast_2d(query))]
    index, score = zip(*found, strict=True)
    return Neighbours(np.stack(index), np.stack(score))


def _one(query: np.ndarray, bank: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    rough = query.astype(bank.dtype)
    scores = _scores(rough, bank)
    chosen = top_k(scores, k)
    if not len(chosen) or bank.dtype == np.float32:
        return chosen, scores[chosen]
    # |<q, v> - score| <= |q - rough| |v| + rounding of the score to float16 + rounding of the sum
    off = float(np.linalg.norm(query - rough.astype(np.float32)))
    margin = off + 2**-11 * float(np.abs(scores[np.isfinite(scores)]).max(initial=0)) + SLACK
    close = np.flatnonzero(scores >= scores[chosen[-1]] - 2 * margin)
    again = np.empty(len(close), dtype=np.float32)
    at_once = _rows_at_once(bank)
    for start in range(0, len(close), at_once):
        part = slice(start, start + at_once)
        # A sum for each row alone, so that equal rows have equal scores.
        again[part] = (bank[close[part]].astype(np.float32) * query).sum(axis=1)
    _give_back(bank, slice(0, len(bank)))
    again[~np.isfinite(again)] = -np.inf
    order = top_k(again, k)
    return close[order], again[order]


def _scores(query: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """(b,) float32 products of one query and every row, both of one number type."""
    import torch  # multiplies float16 as fast as memory gives it; whoever has a query has torch

    scores = np.empty(len(bank), dtype=np.float32)
    asked = torch.from_numpy(query)
    at_once = _rows_at_once(bank)
    for start in range(0, len(bank), at_once):
        rows = slice(start, start + at_once)
        scores[rows] = torch.mv(_tensor(bank[rows]), asked).float().numpy()
        _give_back(bank, rows)
    scores[~np.isfinite(scores)] = -np.inf
    return scores


def _rows_at_once(bank: np.ndarray) -> int:
    return max(1, BYTES_AT_A_TIME // max(bank.strides[0], 1))


def _tensor(rows: np.ndarray) -> object:
    import torch

    return torch.from_numpy(np.asarray(rows))


def _give_back(bank: np.ndarray, rows: slice) -> None:
    """Take mapped rows out of this process's memory; the system keeps them in its own cache."""
    mapped = getattr(bank, "_mmap", None)
    if mapped is None or not hasattr(mapped, "madvise"):  # Windows has no such call
        return
    before = bank.offset % mmap.ALLOCATIONGRANULARITY  # the map begins at a page of the file
    start = before + rows.start * bank.strides[0]
    end = before + min(rows.stop, len(bank)) * bank.strides[0]
    start -= start % mmap.PAGESIZE
    mapped.madvise(mmap.MADV_DONTNEED, start, end - start)
