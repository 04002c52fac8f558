"""Concept recognition: which of all concepts is a picture nearest to? A tie is never correct.

The one rule for evaluation, validation while training, maps and the app.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasskit.models.standard import Standard, label_scores
from glasskit.models.vectors import TIE

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
    standard: Standard | None = None,
) -> Recognition:
    """Rank every concept for every picture, by cosine or by standard score.

    Args:
        images: (n, L) and concepts: (c, L), unit rows of float32.
        target: (n,) index of the own concept.
        acceptable: (n, c) bool; the own concept is added. None: only the own concept.
        standard: of these concepts, for standard scores.
    """
    tie = TIE if standard is None else standard.tie
    parts = []
    for low in range(0, len(images), BLOCK):
        part = slice(low, low + BLOCK)
        scores = label_scores(images[part], concepts, standard)  # (BLOCK, c)
        right = None if acceptable is None else acceptable[part]
        parts.append(vars(recognise_scores(scores, target[part], right, tie)))
    return Recognition(**{name: np.concatenate([one[name] for one in parts]) for name in parts[0]})


def recognise_scores(
    scores: np.ndarray,
    target: np.ndarray,
    acceptable: np.ndarray | None = None,
    tie: float | np.ndarray = TIE,
) -> Recognition:
    """Rank every concept for every picture by scores s_ij.

    rank_i = #{j: s_ij >= s_i,target - tie_j}, so the own concept is first only where it is alone.

    Args:
        scores: (n, c).
        target: (n,) index of the own concept.
        acceptable: (n, c) bool; the own concept is added. None: only the own concept.
        tie: scores closer than this count as equal; one number, or (c,) where the scale differs.
    """
    rows = np.arange(len(scores))
    own = scores[rows, target]
    top = scores.argmax(axis=1)
    best = scores[rows, top]
    right = np.zeros(scores.shape, bool) if acceptable is None else acceptable.copy()
    right[rows, target] = True
    best_right = np.where(right, scores, -np.inf).max(axis=1)
    best_wrong = np.where(right, -np.inf, scores + tie).max(axis=1)
    return Recognition(
        rank=np.count_nonzero(scores >= own[:, None] - tie, axis=1),
        top=top,
        tied=np.count_nonzero(scores >= best[:, None] - tie, axis=1) > 1,
        accepted=best_right > best_wrong,
    )
