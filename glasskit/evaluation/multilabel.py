"""Measures of pictures that carry several labels: of labels by picture, of pictures by label.

Letters: n pictures, c labels; of one ranking, k is a place and r how many of what is
ranked are right.

Ties: a wrong label (or picture) goes ahead of every right one that scores the same, so that equal
scores earn nothing. A model that gives every picture the same scores has the lowest average
precision that there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval
from glasskit.models.recognition import BLOCK
from glasskit.models.vectors import TIE

DEPTH = 5
LEAST = 3
"""Labels of fewer pictures have no average precision: one picture would make all of it."""

_CELLS = 2**22  # scores that are sorted at a time


@dataclass(frozen=True, eq=False)
class LabelRanking:
    """How a model ranks labels for pictures and pictures for labels, at one level.

    Pictures without a label at this level are not asked and not ranked: the data do not say what
    they are of.

    Args:
        rows: (n,) records that carry a label here.
        carried: (n, c) bool: the labels of each.
        acceptable: (n,) bool: a label of its own is strictly ahead of all that are not.
        of_five: (n,) how many of a picture's five nearest labels are its own, over five; None
            where there are five labels or fewer.
        average_precision: (c,) of the pictures ranked by each label, NaN below ``LEAST`` pictures.
        often: (c,) how often each label is carried in the records that a blind guess knows.
    """

    rows: np.ndarray
    carried: np.ndarray
    acceptable: np.ndarray
    of_five: np.ndarray | None
    average_precision: np.ndarray
    often: np.ndarray

    def summary(self, clusters: np.ndarray) -> dict[str, Any]:
        """Shares from 0 to 1 with 95% intervals, beside chance and what is reached blind.

        ``map`` is the mean of ``average_precision`` over ``map_labels`` labels, and its interval is
        over them; the other intervals are over clusters of pictures. ``chance`` is the mean over
        random rankings. ``blind`` is reached without looking at the picture: labels ranked by
        ``often``. There is none of ``map``: a model that scores all pictures the same for a label
        stays at or below chance.

        ``precision_at_5`` counts own labels among the five nearest; a picture with fewer than five
        labels cannot reach 1.

        Args:
            clusters: of all records of the data set.
        """
        n, c = self.carried.shape
        most = np.argsort(-self.often, kind="stable")[:DEPTH]
        blind = self.carried[:, most].mean(axis=0)
        known = ~np.isnan(self.average_precision)
        precisions = self.average_precision[known]
        carriers = self.carried.sum(axis=0)[known]
        five = self.of_five
        of = clusters[self.rows]
        return {
            "n": n,
            "labels": c,
            "acceptable_top1": float(self.acceptable.mean()),
            "acceptable_top1_ci95": interval(self.acceptable, clusters=of),
            "chance_acceptable_top1": float(self.carried.mean()),
            "blind_acceptable_top1": float(blind[0]),
            "map": float(precisions.mean()) if len(precisions) else None,
            "map_ci95": interval(precisions) if len(precisions) else None,
            "map_labels": len(precisions),
            "chance_map": float(chance(carriers, n).mean()) if len(precisions) else None,
            "precision_at_5": None if five is None else float(five.mean()),
            "precision_at_5_ci95": None if five is None else interval(five, clusters=of),
            "chance_precision_at_5": None if five is None else float(self.carried.mean()),
            "blind_precision_at_5": None if five is None else float(blind.mean()),
        }


def rank_labels(
    scores: np.ndarray, carried: np.ndarray, often: np.ndarray, tie: float | np.ndarray = TIE
) -> LabelRanking:
    """Rank every label for every picture by its score, and every picture for every label.

    Args:
        scores: (N, c) of every picture and label. carried: (N, c) bool; at least one is True.
        often: (c,) see ``LabelRanking``.
        tie: scores closer than this count as equal; one number, or (c,) where scales differ.

    Raises:
        InputError: shapes that do not agree, NaN.
    """
    if scores.ndim != 2 or scores.shape != carried.shape:
        raise InputError(f"labels: scores {scores.shape}, but what is carried {carried.shape}")
    if not np.isfinite(scores).all():
        raise InputError("labels: a score is NaN or infinite; a rank of it means nothing")
    rows = np.flatnonzero(carried.any(axis=1))
    scores, carried = scores[rows], carried[rows]
    tie = np.broadcast_to(tie, scores.shape[1])
    n, c = carried.shape
    first, own = np.empty(n, dtype=bool), np.empty(n)
    for low in range(0, n, BLOCK):
        part = slice(low, low + BLOCK)
        right = ranked(scores[part], carried[part], tie)
        first[part], own[part] = right[:, 0], right[:, :DEPTH].mean(axis=1)
    precision = np.full(c, np.nan)
    asked = np.flatnonzero(carried.sum(axis=0) >= LEAST)
    step = max(1, _CELLS // n)
    for low in range(0, len(asked), step):
        some = asked[low : low + step]
        right = ranked(scores.T[some], carried.T[some], tie[some, None])
        precision[some] = average_precision(right)
    return LabelRanking(rows, carried, first, own if c > DEPTH else None, precision, often)


def ranked(scores: np.ndarray, right: np.ndarray, tie: float | np.ndarray = TIE) -> np.ndarray:
    """(q, m) bool: whether what stands at place 1, 2, ..., m of each query's ranking is right.

    Args:
        scores: (q, m) of m candidates for each query, the highest first.
        right: (q, m) bool; a wrong candidate goes ahead of a right one that it ties.
        tie: what scores of a candidate are closer than to count as equal, as wide as ``scores``.
    """
    order = np.argsort(-(scores + tie * ~right), axis=1)
    return np.take_along_axis(right, order, axis=1)


def average_precision(right: np.ndarray) -> np.ndarray:
    """(q,) average precision of rankings: the mean over right places of the precision up to there.

    AP = 1/r sum_k right_k (right_1 + ... + right_k) / k

    Args:
        right: (q, m) bool, see ``ranked``; every row has a True.
    """
    precision = right.cumsum(axis=1) / np.arange(1, right.shape[1] + 1)
    return np.where(right, precision, 0).sum(axis=1) / right.sum(axis=1)


def chance(r: np.ndarray, n: int) -> np.ndarray:
    """(q,) expected average precision of a random ranking of n candidates, r of them right.

    A right one stands at place k with probability r / n, and each of the k - 1 before it is then
    right with (r - 1) / (n - 1). So with H_n = 1 + 1/2 + ... + 1/n (Bestgen 2015, "Exact expected
    average precision of the random baseline for system evaluation"):

    E[AP] = 1/n (H_n + (n - H_n) (r - 1) / (n - 1))

    >>> chance(np.array([1, 2]), 2)
    array([0.75, 1.  ])
    """
    harmonic = (1 / np.arange(1, n + 1)).sum()
    return (harmonic + (n - harmonic) * (r - 1) / max(n - 1, 1)) / n


def agreement(dataset: GroupedDataset, second: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """How well a second reading of some pictures agrees with their labels.

    ``first``: share of pictures whose first label of the second reading is among their labels, to
    be held against a model's acceptable top-1. ``first_three``: of the first three, the share that
    is. ``jaccard``: |both| / |either| of the two sets. Each is a mean over pictures.

    Args:
        second: key of a picture to its labels, strongest first.

    Returns:
        {"n", "first", "first_ci95", "first_three", "first_three_ci95", "jaccard", "jaccard_ci95"};
        {"n": 0} where no record was read twice.
    """
    read = [i for i, record in enumerate(dataset.records) if record.key in second]
    if not read:
        return {"n": 0}
    shares = []
    for i in read:
        mine, theirs = set(dataset.records[i].labels), list(second[dataset.records[i].key])
        among = [label in mine for label in theirs[:3]]
        jaccard = len(mine & set(theirs)) / len(mine | set(theirs))
        shares.append((among[0], np.mean(among), jaccard))
    out: dict[str, Any] = {"n": len(read)}
    for name, values in zip(("first", "first_three", "jaccard"), np.array(shares).T, strict=True):
        out[name] = float(values.mean())
        out[f"{name}_ci95"] = interval(values, clusters=dataset.clusters[read])
    return out
