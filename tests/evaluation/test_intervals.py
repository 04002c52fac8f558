"""Bootstrap intervals, paired differences and Holm's rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasskit.errors import InputError
from glasskit.evaluation.intervals import (
    bootstrap_means,
    holm,
    interval,
    macro_mean,
    paired_difference,
)


def test_bootstrap_of_a_share_is_binomial() -> None:
    values = np.array([1] * 30 + [0] * 70)
    means = bootstrap_means(values, draws=20_000, seed=1)
    assert means.mean() == pytest.approx(0.3, abs=0.002)
    assert means.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.03)


def test_bootstrap_agrees_with_resampling_by_index() -> None:
    rng = np.random.default_rng(0)
    values, strata = rng.random(40), np.repeat([0, 1, 2, 3], 10)
    rows = rng.integers(40, size=(4000, 40))
    plain = values[rows].mean(axis=1)
    macro = [macro_mean(values[r], strata[r]) for r in rows]
    ours = bootstrap_means(values, draws=4000)
    ours_macro = bootstrap_means(values, strata, draws=4000)
    for got, want in ((ours, plain), (ours_macro, np.array(macro))):
        assert got.mean() == pytest.approx(want.mean(), abs=0.005)
        assert got.std() == pytest.approx(want.std(), rel=0.08)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_intervals_cover_at_the_nominal_rate(share: float) -> None:
    rng = np.random.default_rng(int(100 * share))
    covered = 0
    for seed in range(600):
        low, high = interval(rng.random(150) < share, draws=400, seed=seed)
        covered += low <= share <= high
    # 600 trials of 95%: standard error 0.009; the percentile interval runs a little short.
    assert 0.915 <= covered / 600 <= 0.98


def test_paired_intervals_cover_and_p_is_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(3)
    covered = small = 0
    for seed in range(400):
        both = rng.random(200)
        first, second = both + rng.random(200) < 0.9, both + rng.random(200) < 0.9
        result = paired_difference(first, second, draws=400, seed=seed)
        covered += result.low <= 0 <= result.high
        small += result.p <= 0.05
    assert 0.915 <= covered / 400 <= 0.985
    assert small / 400 <= 0.085


def test_paired_difference_by_hand() -> None:
    model, baseline = np.array([1, 1, 1, 0]), np.array([0, 0, 1, 1])
    result = paired_difference(model, baseline)
    assert result.difference == 0.25
    assert result.low < 0.25 < result.high
    assert 0.5 < result.p <= 1
    same = paired_difference(model, model)
    assert (same.difference, same.p) == (0.0, 1.0)


def test_a_clear_difference_has_a_small_p_that_is_never_zero() -> None:
    rng = np.random.default_rng(0)
    result = paired_difference(rng.random(300) < 0.8, rng.random(300) < 0.3, draws=999)
    assert result.p == pytest.approx(1 / 1000)
    assert result.low > 0.3


def test_all_equal_values_do_not_claim_certainty() -> None:
    assert interval(np.zeros(10)) == pytest.approx([0.0, 1 - 0.025 ** (1 / 10)])
    assert interval(np.ones(10)) == pytest.approx([0.025 ** (1 / 10), 1.0])


def test_intervals_are_seeded() -> None:
    values = np.arange(50) % 7 / 7
    assert interval(values, seed=4) == interval(values, seed=4)
    assert interval(values, seed=4) != interval(values, seed=5)


def test_macro_mean_weighs_concepts_alike() -> None:
    assert macro_mean(np.array([1, 1, 1, 0]), np.array([0, 0, 0, 1])) == 0.5


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_keeps_order_and_stays_a_probability(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(p[i] <= adjusted[i] <= 1 for i in range(len(p)))
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_holds_within_the_values(values: list[float]) -> None:
    low, high = interval(np.array(values), draws=100)
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize(
    ("values", "message"),
    [([0.1, np.nan], "NaN"), ([], "one number a picture"), ([[1.0]], "one number a picture")],
)
def test_bad_values_are_refused(values: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        interval(np.array(values))
    with pytest.raises(InputError, match="same pictures"):
        paired_difference(np.ones(3), np.ones(4))
