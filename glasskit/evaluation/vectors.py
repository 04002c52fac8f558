"""What every measure asks of its vectors, and the one rule for ties."""

from __future__ import annotations

import numpy as np
import torch

from glasskit.errors import InputError

TIE = 1e-6
"""Scores closer than this count as equal.

Float32 dot products of the very same two vectors differ by about 1e-7 with the order of summation,
so an exact comparison would hand out "wins" that are rounding. Ties never count as correct.
"""


UNIT = 5e-7
"""A float32 row at length 1 has this length, give or take rounding."""


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
    if np.abs(norms - 1).max() < UNIT:
        return rows
    return rows / np.where(norms > 0, norms, 1.0)[:, None]


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
