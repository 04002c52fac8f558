"""Concept recognition: which of all concepts of a level does a picture come nearest to?

Letters: n pictures, c labels of the level, L embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval, macro_mean
from glasskit.models.vectors import TIE, products, unit_rows

TIED = -1
"""Predicted label where two labels share the first place."""


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a model did with each picture at one level.

    Args:
        labels: all labels that it chose among.
        target: (n,) index of the own label.
        rank: (n,) place of the own label, 1 the best; every equal score counts as ahead.
        predicted: (n,) index of the label in first place, ``TIED`` where it is shared.
        accepted: (n,) bool: an acceptable label is strictly ahead of every other label.
        acceptable: (n, c) bool: labels that count for ``accepted``; always holds the own one.
    """

    labels: tuple[str, ...]
    target: np.ndarray
    rank: np.ndarray
    predicted: np.ndarray
    accepted: np.ndarray
    acceptable: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(n,) bool: the own label alone is in first place."""
        return self.rank == 1

    def within(self, k: int) -> np.ndarray | None:
        """(n,) bool: the own label is among the first k; None where k takes in every label."""
        return self.rank <= k if len(self.labels) > k else None

    def confusion(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(c, c + 1) counts: rows the own label, columns the predicted one, the last one ties.

        Args:
            rows: (n,) bool, the pictures that are counted; by default all.
        """
        c = len(self.labels)
        column = np.where(self.predicted == TIED, c, self.predicted)
        places = (self.target * (c + 1) + column)[rows]
        counts = np.bincount(places, minlength=c * (c + 1))
        return counts.reshape(c, c + 1)

    def summary(self, clusters: np.ndarray | None = None) -> dict[str, Any]:
        """Shares from 0 to 1 with 95% intervals, beside what guessing gives.

        ``chance`` is a uniform guess, ``best_constant`` the best that one label said to every
        picture can do: a model that looks at nothing stays at or below it. ``macro`` averages over
        concepts, ``top5`` is None where there are five labels or fewer.

        Args:
            clusters: (n,) label of each picture's cluster; None: all are independent.
        """
        top5 = self.within(5)
        c, n = len(self.labels), len(self.target)
        return {
            "n": n,
            "labels": c,
            "top1": float(self.correct.mean()),
            "ci95": interval(self.correct, clusters=clusters),
            "macro_top1": macro_mean(self.correct, self.target),
            "macro_ci95": interval(self.correct, self.target, clusters=clusters),
            "acceptable_top1": float(self.accepted.mean()),
            "acceptable_ci95": interval(self.accepted, clusters=clusters),
            "macro_acceptable_top1": macro_mean(self.accepted, self.target),
            "top5": None if top5 is None else float(top5.mean()),
            "top5_ci95": None if top5 is None else interval(top5, clusters=clusters),
            "mrr": float((1 / self.rank).mean()),
            "mrr_ci95": interval(1 / self.rank, clusters=clusters),
            "chance": 1 / c,
            "acceptable_chance": float(self.acceptable.mean()),
            "best_constant": float(np.bincount(self.target).max() / n),
            "acceptable_best_constant": float(self.acceptable.mean(axis=0).max()),
        }


def recognise(
    images: np.ndarray,
    label_vectors: np.ndarray,
    labels: tuple[str, ...],
    target: np.ndarray,
    acceptable: np.ndarray | None = None,
    *,
    block: int = 8192,
) -> Recognition:
    """Rank every label for every picture by cosine.

    rank_i = #{j: s_ij >= s_i,target - TIE}, so the own label is first only where it is alone there.

    Args:
        images: (n, L). label_vectors: (c, L), one a label. target: (n,) index of the own label.
        acceptable: (n, c) bool; the own label is added. None: only the own label.
        block: pictures at a time, which bounds memory to block x c scores.

    Raises:
        InputError: shapes that do not agree, a target outside the labels, NaN.
    """
    images = unit_rows(images, "image vectors")
    vectors = unit_rows(label_vectors, "concept vectors")
    target = np.asarray(target, dtype=np.int64)
    n, c = len(images), len(labels)
    if vectors.shape != (c, images.shape[1]) or target.shape != (n,):
        raise InputError(
            f"concept recognition: {n} pictures of width {images.shape[1]}, {c} labels, but label "
            f"vectors {vectors.shape} and targets {target.shape}"
        )
    if target.min() < 0 or target.max() >= c:
        raise InputError("concept recognition: a target is none of the labels")
    own = np.zeros((n, c), dtype=bool)
    own[np.arange(n), target] = True
    mask = own if acceptable is None else np.asarray(acceptable, dtype=bool) | own
    rank, predicted = np.empty((2, n), dtype=np.int64)
    accepted = np.empty(n, dtype=bool)
    for low in range(0, n, block):
        part = slice(low, min(low + block, n))
        scores = products(images[part], vectors)  # (block, c)
        mine = np.take_along_axis(scores, target[part, None], axis=1)
        rank[part] = np.count_nonzero(scores >= mine - TIE, axis=1)
        best = scores.max(axis=1, keepdims=True)
        shared = np.count_nonzero(scores >= best - TIE, axis=1) > 1
        predicted[part] = np.where(shared, TIED, scores.argmax(axis=1))
        right = np.where(mask[part], scores, -np.inf).max(axis=1)
        wrong = np.where(mask[part], -np.inf, scores).max(axis=1)
        accepted[part] = right > wrong + TIE
    return Recognition(labels, target, rank, predicted, accepted, mask)
