"""How sure a measured mean is: bootstrap over pictures, paired between models, and Holm's rule.

The bootstrap of a mean depends on the pictures only through how often each value occurs, so a draw
of n pictures with replacement is one multinomial draw over the distinct values: exact, and as fast
for 100,000 pictures as for 100. Values are one per picture, so several captions of a picture are
resampled together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict

import numpy as np

from glasskit.errors import InputError

LEVEL = 0.95
DRAWS = 2000
_CELLS = 4_000_000  # numbers held at once while drawing


class Resampling(TypedDict, total=False):
    """Keywords of whatever gives intervals.

    Args:
        draws: bootstrap resamples, ``DRAWS`` unless told otherwise.
        seed: of the bootstrap, 0 unless told otherwise.
    """

    draws: int
    seed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of model minus mean of baseline on the same pictures.

    Args:
        difference: mean of the paired differences.
        low, high: 95% bootstrap interval of it.
        p: two-sided, under the hypothesis of no difference; never 0.
    """

    difference: float
    low: float
    high: float
    p: float

    def as_dict(self) -> dict[str, float]:
        """The four numbers by name."""
        return asdict(self)


def bootstrap_means(
    values: np.ndarray, strata: np.ndarray | None = None, *, draws: int = DRAWS, seed: int = 0
) -> np.ndarray:
    """Means of ``draws`` resamples of the pictures.

    Args:
        values: (n,) one finite number a picture.
        strata: (n,) group of each picture; then the mean is the macro average, the mean over groups
            of the group means. Groups that a resample misses are left out of that resample.

    Returns:
        (draws,) float64.

    Raises:
        InputError: no values, or NaN or infinity among them.
    """
    values = _checked(values)
    levels, level = np.unique(values, return_inverse=True)
    group = np.unique(strata, return_inverse=True)[1] if strata is not None else 0
    # A cell is a value in a group; only those that occur are kept, group after group.
    counts = np.bincount(group * len(levels) + level)
    cells = np.flatnonzero(counts)
    counts, worth = counts[cells], levels[cells % len(levels)]
    _, starts = np.unique(cells // len(levels), return_index=True)
    rng = np.random.default_rng(seed)
    out = np.empty(draws)
    step = max(1, _CELLS // len(cells))
    for low in range(0, draws, step):
        size = min(step, draws - low)
        times = rng.multinomial(len(values), counts / len(values), size=size)  # (size, cells)
        totals = np.add.reduceat(times * worth, starts, axis=1)  # (size, groups)
        drawn = np.add.reduceat(times, starts, axis=1)
        means = totals / np.maximum(drawn, 1)
        out[low : low + size] = means.sum(axis=1) / (drawn > 0).sum(axis=1)
    return out


def interval(
    values: np.ndarray, strata: np.ndarray | None = None, *, draws: int = DRAWS, seed: int = 0
) -> list[float]:
    """[low, high]: 95% percentile bootstrap interval of a mean of values from 0 to 1.

    Where all values are equal, resampling shows nothing else, and [v, v] would claim certainty.
    Then the exact binomial bound b = 1 - 0.025^(1/n) on the share of pictures that could differ
    unseen gives [v - v b, v + (1 - v) b] (Clopper and Pearson 1934 for v = 0 and v = 1).
    """
    values = _checked(values)
    if values.min() == values.max():
        value = float(values[0])
        unseen = 1 - ((1 - LEVEL) / 2) ** (1 / len(values))
        return [value - value * unseen, value + (1 - value) * unseen]
    means = bootstrap_means(values, strata, draws=draws, seed=seed)
    return _percentiles(means)


def paired_difference(
    model: np.ndarray,
    baseline: np.ndarray,
    strata: np.ndarray | None = None,
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Paired bootstrap of mean(model) - mean(baseline) over the same pictures.

    p = (1 + #{|d* - d| >= |d|}) / (1 + draws): how often resampling noise alone is as large as what
    was seen (Efron and Tibshirani 1993, section 16.4, the resamples centred on no difference).

    Args:
        model, baseline: (n,) one number a picture, the same pictures in the same order.
        strata: as in ``bootstrap_means``, for macro averages.

    Raises:
        InputError: different lengths, none, or not finite.
    """
    model, baseline = _checked(model), _checked(baseline)
    if model.shape != baseline.shape:
        raise InputError(
            f"a paired comparison needs the same pictures: {len(model)} against {len(baseline)}"
        )
    change = model - baseline
    seen = float(change.mean()) if strata is None else float(macro_mean(change, strata))
    means = bootstrap_means(change, strata, draws=draws, seed=seed)
    # A hair of slack: equal changes must compare equal after summation in another order.
    extreme = int((np.abs(means - seen) >= abs(seen) - 1e-12).sum())
    low, high = _percentiles(means)
    return Difference(seen, low, high, (1 + extreme) / (1 + draws))


def macro_mean(values: np.ndarray, strata: np.ndarray) -> float:
    """Mean over groups of the mean of each group that has any value."""
    _, place, counts = np.unique(strata, return_inverse=True, return_counts=True)
    return float((np.bincount(place, weights=values) / counts).mean())


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): bounds the chance of any false alarm in a family.

    Sorted ascending, p_(i) becomes max over j <= i of min(1, (m - j + 1) p_(j)).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return [float(value) for value in adjusted]


def _percentiles(means: np.ndarray) -> list[float]:
    tail = 100 * (1 - LEVEL) / 2
    return [float(edge) for edge in np.percentile(means, [tail, 100 - tail])]


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"expected one number a picture, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("a score is NaN or infinite; a mean of it means nothing")
    return values
