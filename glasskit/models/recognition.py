"""Concept recognition: which of all concepts does a picture come nearest to?

The one rule for evaluation, validation while training, maps and the app.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasskit.models.vectors import TIE, products

BLOCK = 8192
"""Pictures at a time, which bounds memory to BLOCK x c scores."""


@dataclass(frozen=True, eq=False)
class Recognition:
    """Where each of n pictures stands among all concepts.

    Args:
        rank: (n,) place of the own concept, 1 the best; every equal score counts as ahead.
        top: (n,) index of the nearest concept, of equal ones the first.
        tied: (n,) bool: another concept shares the first place.
        accepted: (n,) bool: an acceptable concept is strictly ahead of every other concept.
    """

    rank: np.ndarray
    top: np.ndarray
    tied: np.ndarray
    accepted: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(n,) bool: the own concept alone is in first place."""
        return self.rank == 1


def recognise(
    images: np.ndarray,
    concepts: np.ndarray,
    target: np.ndarray,
    acceptable: np.ndarray | None = None,
) -> Recognition:
    """Rank every concept for every picture by cosine s_ij.

    rank_i = #{j: s_ij >= s_i,target - TIE}, so the own concept is first only where it is alone.

    Args:
        images: (n, L) and concepts: (c, L), unit rows of float32.
        target: (n,) index of the own concept.
        acceptable: (n, c) bool; the own concept is added. None: only the own concept.
    """
    n = len(images)
    rank, top = np.empty((2, n), dtype=np.int64)
    tied, accepted = np.empty((2, n), dtype=bool)
    for low in range(0, n, BLOCK):
        part = slice(low, low + BLOCK)
        scores = products(images[part], concepts)  # (BLOCK, c)
        rows = np.arange(len(scores))
        own = scores[rows, target[part]]
        rank[part] = np.count_nonzero(scores >= own[:, None] - TIE, axis=1)
        top[part] = scores.argmax(axis=1)
        best = scores[rows, top[part]]
        tied[part] = np.count_nonzero(scores >= best[:, None] - TIE, axis=1) > 1
        right = np.zeros(scores.shape, bool) if acceptable is None else acceptable[part].copy()
        right[rows, target[part]] = True
        best_right = np.where(right, scores, -np.inf).max(axis=1)
        best_wrong = np.where(right, -np.inf, scores).max(axis=1)
        accepted[part] = best_right > best_wrong + TIE
    return Recognition(rank, top, tied, accepted)
