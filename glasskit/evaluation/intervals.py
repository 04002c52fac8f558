"""How sure a measured mean is: intervals and paired tests that respect clusters, and Holm's rule.

Pictures of one cluster (drawn from the same things, of one photographer) are not independent: eight
of them may tell hardly more than one. So the unit of everything here is the cluster with all of its
pictures; without ``clusters`` each picture is one of its own.

Letters: n pictures, G clusters, y_i the number of picture i, w_i its weight, m the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from glasskit.errors import InputError

LEVEL = 0.95
FLIPS = 10_000
_EXACT = 12  # clusters up to which every flip is looked at
_CELLS = 4_000_000  # numbers held at once while drawing
_TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of model minus mean of baseline on the same pictures.

    Args:
        difference: mean of the paired differences.
        low, high: its 95% interval; None where there is only one cluster.
        p: two-sided, under the hypothesis of no difference; never 0.
    """

    difference: float
    low: float | None
    high: float | None
    p: float

    def as_dict(self) -> dict[str, float | None]:
        """The four numbers by name."""
        return asdict(self)


def interval(
    values: np.ndarray, groups: np.ndarray | None = None, *, clusters: np.ndarray | None = None
) -> list[float] | None:
    """[low, high]: 95% interval of a mean of values from 0 to 1; None for fewer than two clusters.

    The exact interval of Clopper and Pearson (1934) at the effective sample size, as of Korn and
    Graubard (1998): with the cluster-robust variance of the mean (Cochran 1977, section 6.4;
    Cameron and Miller 2015)

        e_g = sum of w_i (y_i - m) over cluster g / sum of all w_i,  V = G / (G - 1) sum_g e_g^2,

    n* = m (1 - m) / V (z / t)^2, low and high are the 2.5% quantile of Beta(m n*, n* - m n* + 1)
    and the 97.5% quantile of Beta(m n* + 1, n* - m n*). z and t are the 97.5% quantiles of the
    normal and of Student's t with f = 2 / (sum_g e_g^4 / (sum_g e_g^2)^2 - 1 / G) degrees of
    freedom, at most G - 1: few where few clusters make the variance (Satterthwaite 1946). Without
    clusters z / t is 1. Percentiles of a bootstrap over clusters (``bootstrap_means``) are too
    narrow for rare answers in some tens of clusters; the tests simulate it.

    Where clusters do not differ at all, V = 0 would claim certainty. Then b = 1 - 0.025^(1/G), the
    exact bound on the share of clusters that could differ unseen, gives [m - m b, m + (1 - m) b].

    Args:
        values: (n,) numbers from 0 to 1.
        groups: (n,) group of each picture; then of the macro average, see ``macro_mean``.
        clusters: (n,) label of each picture's cluster; None: all pictures are independent.

    Raises:
        InputError: no values, NaN or infinity among them, or another number of labels.
    """
    values = _checked(values)
    mean, residuals = _mean_and_residuals(values, _weights(values, groups), clusters)
    count = len(residuals)
    if count < 2:
        return None
    mean = min(max(mean, 0.0), 1.0)
    error = _standard_error(residuals)
    if not error > 1e-9:
        unseen = 1 - _TAIL ** (1 / count)
        return [mean - mean * unseen, mean + (1 - mean) * unseen]
    n = mean * (1 - mean) / error**2
    if count < len(values):
        squares = np.square(residuals / error)
        uneven = np.square(squares).sum() / squares.sum() ** 2 - 1 / count
        freedom = min(count - 1, 2 / max(uneven, 1e-9))
        n *= (ndtri(1 - _TAIL) / stdtrit(freedom, 1 - _TAIL)) ** 2
    hits = mean * n
    return [
        float(betaincinv(hits, n - hits + 1, _TAIL)),
        float(betaincinv(hits + 1, n - hits, 1 - _TAIL)),
    ]


def paired_difference(
    model: np.ndarray,
    baseline: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    flips: int = FLIPS,
    seed: int = 0,
) -> Difference:
    """mean(model) - mean(baseline) over the same pictures, with its interval and a sign-flip test.

    The interval is d +- t sqrt(V), V as in ``interval`` and t of G - 1 degrees of freedom. The test
    asks how often the difference is as large when model and baseline change places in whole
    clusters at random: with D_g the sum of the differences of cluster g and signs s_g,

        p = share of all 2^G signs with |sum_g s_g D_g| >= |sum_g D_g|,

    exact for up to 12 clusters that differ, else p = (1 + hits) / (1 + flips) over random signs
    (Davison and Hinkley 1997, sections 4.3 and 3.8).

    Args:
        model, baseline: (n,) one number a picture, the same pictures in one order.
        clusters: (n,) label of each picture's cluster; None: all pictures are independent.
        flips: random signs, from this seed.

    Raises:
        InputError: different lengths, none, or not finite.
    """
    model, baseline = _checked(model), _checked(baseline)
    if model.shape != baseline.shape:
        raise InputError(
            f"a paired comparison needs the same pictures: {len(model)} against {len(baseline)}"
        )
    change = model - baseline
    mean, residuals = _mean_and_residuals(change, np.ones(len(change)), clusters)
    count, error = len(residuals), _standard_error(residuals)
    low = high = None
    if count > 1 and error > 1e-9:
        reach = error * stdtrit(count - 1, 1 - _TAIL)
        low, high = float(mean - reach), float(mean + reach)
    elif count > 1:
        unseen = 1 - _TAIL ** (1 / count)
        low, high = mean - (1 + mean) * unseen, mean + (1 - mean) * unseen
    sums = np.bincount(_places(clusters, len(change)), weights=change)
    return Difference(mean, low, high, _flipped(sums, flips, seed))


def bootstrap_means(
    values: np.ndarray, *, clusters: np.ndarray | None = None, draws: int = 2000, seed: int = 0
) -> np.ndarray:
    """Means of resamples: G clusters drawn with replacement, each with all of its pictures.

    The mean of a resample is the sum of its numbers over the number of its pictures (Davison and
    Hinkley 1997, section 3.8; Cameron, Gelbach and Miller 2008).

    Args:
        values: (n,) one finite number a picture.
        clusters: (n,) label of each picture's cluster; None: all pictures are independent.

    Returns:
        (draws,) float64.

    Raises:
        InputError: no values, or NaN or infinity among them.
    """
    values = _checked(values)
    place = _places(clusters, len(values))
    sizes, sums = np.bincount(place), np.bincount(place, weights=values)
    count = len(sizes)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return (times @ sums) / (times @ sizes)


def macro_mean(values: np.ndarray, groups: np.ndarray) -> float:
    """Mean over groups of the mean of each group that has any value."""
    return float(np.average(values, weights=_weights(values, groups)))


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


def units(count: int, by: str) -> str:
    """What intervals and tests are over, in words.

    >>> units(36, "concept"), units(132, "picture"), units(1, "cluster")
    ('36 clusters (concepts)', '132 pictures', '1 cluster')
    """
    s = "s" * (count != 1)
    return (
        f"{count} {by}{s}"
        if by in ("picture", "label", "cluster")
        else f"{count} cluster{s} ({by}{s})"
    )


def interval_note(count: int, by: str) -> str:
    """The line under a table of intervals; for a single cluster it says why there is none.

    >>> interval_note(36, "concept")
    '95% interval over 36 clusters (concepts)'
    """
    if count < 2:
        return f"no 95% interval: all pictures are of one {by}, and it takes two or more"
    return f"95% interval over {units(count, by)}"


def _mean_and_residuals(
    values: np.ndarray, weights: np.ndarray, clusters: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """Weighted mean, and (G,) what each cluster adds to its error."""
    mean = float(np.average(values, weights=weights))
    place = _places(clusters, len(values))
    return mean, np.bincount(place, weights=weights * (values - mean)) / weights.sum()


def _standard_error(residuals: np.ndarray) -> float:
    count = len(residuals)
    return float(np.sqrt(np.square(residuals).sum() * count / max(count - 1, 1)))


def _weights(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """(n,) weights whose weighted mean is the mean, or the macro average over groups."""
    if groups is None:
        return np.ones(len(values))
    place = _places(groups, len(values))
    return 1 / np.bincount(place)[place]


def _flipped(sums: np.ndarray, flips: int, seed: int) -> float:
    """p of the sign-flip test on the sums of clusters."""
    # Rounded and with slack, so that equal sums compare equal after summation in another order.
    sums = np.round(sums, 12)
    least = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    sums = np.abs(sums[sums != 0])
    if len(sums) <= _EXACT:
        signs = np.array(list(product((1, -1), repeat=len(sums))))
        return float((np.abs(signs @ sums) >= least).mean())
    # Of c clusters with the same sum it matters only how many keep their sign: a binomial number.
    sizes, counts = np.unique(sums, return_counts=True)
    rng = np.random.default_rng(seed)
    hits, step = 0, max(1, _CELLS // len(sizes))
    for low in range(0, flips, step):
        kept = rng.binomial(counts, 0.5, size=(min(step, flips - low), len(sizes)))
        hits += int((np.abs((2 * kept - counts) @ sizes) >= least).sum())
    return (1 + hits) / (1 + flips)


def _places(labels: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) number of each label from 0; None: all are different."""
    if labels is None:
        return np.arange(n)
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise InputError(f"one label a picture is needed: {n} pictures, labels {labels.shape}")
    return np.unique(labels, return_inverse=True)[1]


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"expected one number a picture, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("a score is NaN or infinite; a mean of it means nothing")
    return values
