"""Intervals and paired tests that hold, with clusters and without, and Holm's rule."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest, t

from glasskit.errors import InputError
from glasskit.evaluation.intervals import (
    bootstrap_means,
    holm,
    interval,
    interval_note,
    macro_mean,
    paired_difference,
)

CLUSTERS, EACH = 36, 8
OF = np.repeat(np.arange(CLUSTERS), EACH)
LIKENESS = 0.5
"""Correlation of two pictures of a cluster: .4 to .6 on the concepts of scenes."""


def clustered(share: float, rng: np.random.Generator, each: np.ndarray = OF) -> np.ndarray:
    """Right or wrong by picture; clusters differ as a beta distribution of this share."""
    scale = 1 / LIKENESS - 1
    own = rng.beta(share * scale, (1 - share) * scale, size=each.max() + 1)
    return (rng.random(len(each)) < own[each]).astype(float)


@pytest.mark.parametrize("share", [0.06, 0.3, 0.8])
def test_intervals_over_clusters_hold_and_those_over_pictures_do_not(share: float) -> None:
    rng = np.random.default_rng(int(100 * share))
    held = {True: 0, False: 0}
    for _ in range(1000):
        values = clustered(share, rng)
        for by_cluster in held:
            found = interval(values, clusters=OF if by_cluster else None)
            assert found is not None
            held[by_cluster] += found[0] <= share <= found[1]
    assert 0.92 <= held[True] / 1000 <= 0.98
    assert held[False] / 1000 < 0.8


def test_intervals_hold_where_clusters_are_of_many_sizes() -> None:
    rng = np.random.default_rng(1)
    each = np.repeat(np.arange(40), rng.integers(1, 20, size=40))
    found = [interval(clustered(0.3, rng, each), clusters=each) for _ in range(500)]
    assert 0.92 <= np.mean([low <= 0.3 <= high for low, high in found]) <= 0.985


def test_the_paired_test_keeps_its_level_with_clusters_and_pictures_alone_do_not() -> None:
    rng = np.random.default_rng(2)
    alarms, careless, held = 0, 0, 0
    for seed in range(500):
        model, baseline = clustered(0.3, rng), clustered(0.3, rng)
        found = paired_difference(model, baseline, clusters=OF, flips=500, seed=seed)
        alarms += found.p <= 0.05
        held += found.low <= 0 <= found.high
        careless += paired_difference(model, baseline, flips=500, seed=seed).p <= 0.05
    assert 0.03 <= alarms / 500 <= 0.07
    assert 0.92 <= held / 500 <= 0.98
    assert careless / 500 > 0.15


def test_without_clusters_it_is_nearly_the_exact_binomial_interval() -> None:
    values = np.array([1.0] * 30 + [0.0] * 270)
    exact = binomtest(30, 300).proportion_ci(method="exact")
    assert interval(values) == pytest.approx(list(exact), abs=0.002)


def test_an_interval_over_clusters_by_hand() -> None:
    # Four clusters of two: sums 2, 0, 1, 1, so that e_g = +-1/8 twice and 0 twice.
    values, of = np.array([1, 1, 0, 0, 1, 0, 0, 1.0]), np.array(list("aabbccdd"))
    error = np.sqrt(4 / 3 * 2 / 64)
    found = paired_difference(values, np.zeros(8), clusters=of)
    reach = t.ppf(0.975, 3) * error
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach))
    # sum e^4 / (sum e^2)^2 is 1/2, so that f = 2 / (1/2 - 1/4) = 8, at most G - 1 = 3.
    n = 0.25 / error**2 * (1.959964 / t.ppf(0.975, 3)) ** 2
    low, high = interval(values, clusters=of)
    assert low == pytest.approx(1 - high)  # 4 of 8
    assert low == pytest.approx(beta.ppf(0.025, n / 2, n / 2 + 1), abs=1e-5)


def test_one_cluster_has_no_interval_and_says_why() -> None:
    values, of = np.array([1.0, 0, 1]), np.zeros(3)
    assert interval(values, clusters=of) is None
    found = paired_difference(values, np.zeros(3), clusters=of)
    assert (found.low, found.high, found.p) == (None, None, 1.0)
    assert "all pictures are of one concept" in interval_note(1, "concept")


def test_a_bootstrap_over_clusters_agrees_with_resampling_by_index() -> None:
    rng = np.random.default_rng(0)
    values, of = rng.random(40), np.repeat([0, 1, 2, 3], [16, 8, 8, 8])
    members = [np.flatnonzero(of == g) for g in range(4)]
    want = [
        values[np.concatenate([members[g] for g in rng.integers(4, size=4)])].mean()
        for _ in range(4000)
    ]
    got = bootstrap_means(values, clusters=of, draws=4000)
    assert got.mean() == pytest.approx(np.mean(want), abs=0.005)
    assert got.std() == pytest.approx(np.std(want), rel=0.08)
    plain = bootstrap_means(np.array([1] * 30 + [0] * 70), draws=20_000, seed=1)
    assert plain.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.03)


def test_the_sign_flip_test_by_hand() -> None:
    model, baseline = np.array([1, 1, 1, 0.0]), np.array([0, 0, 1, 1.0])
    found = paired_difference(model, baseline)  # differences 1, 1, 0, -1: |sum| >= 1 always
    assert (found.difference, found.p) == (0.25, 1.0)
    better = paired_difference(np.ones(5), np.zeros(5))
    assert better.p == 2 / 2**5
    # The same five pictures of two clusters can't be surer than two coins.
    assert paired_difference(np.ones(5), np.zeros(5), clusters=[0, 0, 1, 1, 1]).p == 2 / 2**2
    sums = np.array([3, -1, 2, 2])
    signs = np.array(list(product((1, -1), repeat=4)))
    exact = np.mean(np.abs(signs @ sums) >= abs(sums.sum()))
    values = np.array([1.0, 1, 1, -1, 1, 1, 1, 1])
    of = [0, 0, 0, 1, 2, 2, 3, 3]
    assert paired_difference(values, np.zeros(8), clusters=of).p == exact


def test_random_flips_agree_with_all_flips() -> None:
    rng = np.random.default_rng(3)
    sums = rng.integers(-3, 5, size=14).astype(float)
    signs = np.array(list(product((1, -1), repeat=14)))
    exact = np.mean(np.abs(signs @ sums) >= abs(sums.sum()))
    found = paired_difference(sums, np.zeros(14), flips=20_000)
    assert found.p == pytest.approx(exact, abs=0.015)


def test_a_clear_difference_has_a_small_p_that_is_never_zero() -> None:
    rng = np.random.default_rng(0)
    result = paired_difference(rng.random(300) < 0.8, rng.random(300) < 0.3, flips=999)
    assert result.p == pytest.approx(1 / 1000)
    assert result.low > 0.3
    same = paired_difference(np.ones(9), np.ones(9))
    assert (same.difference, same.p) == (0.0, 1.0)
    assert same.low < 0 < same.high


def test_all_equal_values_do_not_claim_certainty() -> None:
    assert interval(np.zeros(10)) == pytest.approx([0.0, 1 - 0.025 ** (1 / 10)])
    assert interval(np.ones(10)) == pytest.approx([0.025 ** (1 / 10), 1.0])
    of = np.repeat(np.arange(5), 2)  # five clusters know no more than five pictures
    assert interval(np.zeros(10), clusters=of) == pytest.approx([0.0, 1 - 0.025 ** (1 / 5)])


def test_macro_mean_weighs_concepts_alike() -> None:
    values, groups = np.array([1, 1, 1, 0]), np.array([0, 0, 0, 1])
    assert macro_mean(values, groups) == 0.5
    low, high = interval(values, groups)
    assert low < 0.5 < high


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_keeps_order_and_stays_a_probability(p: list[float]) -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm(p)
    assert all(p[i] <= adjusted[i] <= 1 for i in range(len(p)))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=30))
def test_an_interval_holds_the_mean_and_stays_a_share(rows: list[tuple[float, int]]) -> None:
    values, of = (np.array(column) for column in zip(*rows, strict=True))
    found = interval(values, clusters=of)
    assert (found is None) == (len(set(of)) == 1)
    if found is not None:
        low, high = found
        assert 0 <= low <= values.mean() + 1e-9
        assert values.mean() - 1e-9 <= high <= 1


@pytest.mark.parametrize(
    ("values", "message"),
    [([0.1, np.nan], "NaN"), ([], "one number a picture"), ([[1.0]], "one number a picture")],
)
def test_bad_values_are_refused(values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        interval(np.array(values))
    with pytest.raises(InputError, match="same pictures"):
        paired_difference(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="3 pictures"):
        interval(np.ones(3), clusters=np.zeros(2))
