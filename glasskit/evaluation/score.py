"""What a published benchmark gives: the score of a measure, and how its pictures are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from glasskit.evaluation.intervals import interval, macro_mean


@dataclass(frozen=True, eq=False)
class Score:
    """One number of a benchmark: the mean of what each item gave.

    Args:
        values: (n,) one number an item, from ``lowest`` to 1.
        clusters: (n,) items of one cluster (of one picture) are not independent.
        chance: what guessing gives, where that is known.
        blind: what is reached without looking at any picture: with the mean picture instead, or
            with the best constant answer.
        groups: (n,) the mean is over the means of these groups.
        lowest: the least that a value can be.
    """

    values: np.ndarray
    clusters: np.ndarray
    chance: float | None = None
    blind: float | None = None
    groups: np.ndarray | None = None
    lowest: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """{"n", "value", "ci95", "chance", "blind"}."""
        values, span = self.values.astype(float), 1 - self.lowest
        ends = interval((values - self.lowest) / span, self.groups, clusters=self.clusters)
        mean = values.mean() if self.groups is None else macro_mean(values, self.groups)
        return {
            "n": len(self.values),
            "value": float(mean),
            "ci95": ends and [self.lowest + span * end for end in ends],
            "chance": self.chance,
            "blind": self.blind,
        }


class Seen(NamedTuple):
    """(n, L) the picture vector of each item, and (n,) the number of its picture."""

    vectors: np.ndarray
    picture: np.ndarray


See = Callable[[list[str]], Seen]
