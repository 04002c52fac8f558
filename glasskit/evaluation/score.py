"""What a benchmark gives: the score of a measure, and how its pictures are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from glasskit.evaluation.intervals import Difference, interval, macro_mean, paired_difference


@dataclass(frozen=True, eq=False)
class Score:
    """One number of a benchmark: the mean of what each item gave.

    Args:
        values: (n,) one number an item, from ``lowest`` to 1; NaN for an item that can't be asked.
        clusters: (n,) items of one cluster are not independent: the name of each item's picture,
            or another label.
        chance: what guessing gives, where that is known; one number or (n,).
        blind: what is reached without looking at any picture: with the mean picture instead, or
            with the best constant answer; one number or (n,).
        groups: (n,) the mean is over the means of these groups.
        lowest: the least that a value can be.
        note: what a reader must know, in one line.
    """

    values: np.ndarray
    clusters: np.ndarray
    chance: float | np.ndarray | None = None
    blind: float | np.ndarray | None = None
    groups: np.ndarray | None = None
    lowest: float = 0.0
    note: str = ""

    def where(self, keep: np.ndarray) -> Score:
        """The same of the items that (n,) bool ``keep`` marks."""
        each = {key: x[keep] for key, x in vars(self).items() if isinstance(x, np.ndarray)}
        return replace(self, **each)

    def as_dict(self) -> dict[str, Any]:
        """{"n", "value", "ci95", "chance", "blind"}, of the items that were asked."""
        asked = self.where(~np.isnan(self.values.astype(float)))
        values, span = asked.values.astype(float), 1 - self.lowest
        ends = interval((values - self.lowest) / span, asked.groups, clusters=asked.clusters)
        return {
            "n": len(values),
            "value": asked._mean(values),
            "ci95": ends and [self.lowest + span * end for end in ends],
            "chance": asked._mean(asked.chance),
            "blind": asked._mean(asked.blind),
        }

    def less(self, first: Score) -> Difference:
        """Paired difference to another model's score of the same items (`paired_difference`).

        Of a mean over G groups an item of a group of n_g counts n / (G n_g) times.
        """
        mine, theirs = (one.values.astype(float) for one in (self, first))
        known = ~np.isnan(mine - theirs)
        weight = np.ones(known.sum())
        if self.groups is not None:
            _, place, sizes = np.unique(self.groups[known], return_inverse=True, return_counts=True)
            weight = len(weight) / (len(sizes) * sizes[place])
        return paired_difference(
            mine[known] * weight, theirs[known] * weight, clusters=self.clusters[known]
        )

    def _mean(self, values: float | np.ndarray | None) -> float | None:
        if not isinstance(values, np.ndarray):
            return values
        return float(values.mean()) if self.groups is None else macro_mean(values, self.groups)


class Seen(NamedTuple):
    """(n, L) the picture vector of each item, and (n,) the name of its picture."""

    vectors: np.ndarray
    picture: np.ndarray


See = Callable[[list[str]], Seen]
