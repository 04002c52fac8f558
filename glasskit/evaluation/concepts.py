"""Concept recognition at one level, as the measures need it: with labels, shares and intervals.

Letters: n pictures, c labels of the level, L embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval, macro_mean
from glasskit.models.recognition import Recognition, recognise
from glasskit.models.standard import Standard
from glasskit.models.vectors import unit_rows


@dataclass(frozen=True, eq=False)
class LevelRecognition(Recognition):
    """What a model did with each picture at one level.

    Args:
        labels: all labels that it chose among.
        target: (n,) index of the own label.
        acceptable: (n, c) bool: labels that count for ``accepted``; always holds the own one.
    """

    labels: tuple[str, ...]
    target: np.ndarray
    acceptable: np.ndarray

    @property
    def answers(self) -> list[str]:
        """(n,) the nearest label of each picture, or "a tie"."""
        return [
            "a tie" if tied else self.labels[top]
            for top, tied in zip(self.top, self.tied, strict=True)
        ]

    def within(self, k: int) -> np.ndarray | None:
        """(n,) bool: the own label is among the first k; None where k takes in every label."""
        return self.rank <= k if len(self.labels) > k else None

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


def recognise_labels(
    images: np.ndarray,
    label_vectors: np.ndarray,
    labels: tuple[str, ...],
    target: np.ndarray,
    acceptable: np.ndarray | None = None,
    standard: Standard | None = None,
) -> LevelRecognition:
    """Rank every label for every picture; the rule is that of ``recognise``.

    Args:
        images: (n, L). label_vectors: (c, L), one a label. target: (n,) index of the own label.
        acceptable: (n, c) bool; the own label is added. None: only the own label.
        standard: of these labels, for standard scores; None: by cosine.

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
    mask = np.zeros((n, c), dtype=bool) if acceptable is None else np.array(acceptable, dtype=bool)
    mask[np.arange(n), target] = True
    found = recognise(images, vectors, target, mask, standard)
    return LevelRecognition(**vars(found), labels=labels, target=target, acceptable=mask)
