"""Seen and unseen labels held together: each number by hand or by its definition."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.evaluation.intervals import paired_difference
from glasskit.evaluation.seen_unseen import SeenUnseen, area, harmonic_mean, right_at

UNSEEN = np.array([False, False, True, True])
SCORES = np.array(
    [
        [0.9, 0.2, 0.5, 0.1],  # seen label right while gamma < 0.4
        [0.6, 0.1, 0.5, 0.2],  # unseen label right once gamma > 0.1
        [0.7, 0.1, 0.1, 0.2],  # unseen label right once gamma > 0.5
        [0.3, 0.4, 0.1, 0.2],  # the other seen label is ahead at every gamma
        [0.8, 0.1, 0.7, 0.3],  # both are right: seen below 0.5, unseen above -0.6
    ]
)
OWN = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)


def test_limits_of_gamma_by_hand() -> None:
    best = SeenUnseen.of(SCORES, OWN, OWN, UNSEEN)
    nan, inf = np.nan, np.inf
    np.testing.assert_allclose(best.below, [0.4, nan, nan, -inf, 0.5], atol=1e-5)
    np.testing.assert_allclose(best.above, [nan, 0.1, 0.5, nan, -0.6], atol=1e-5)
    np.testing.assert_array_equal(best.among_unseen, [nan, 1, 1, nan, 1])


def test_equal_scores_are_right_at_no_gamma() -> None:
    own = np.eye(4, dtype=bool)[[0, 2]]
    best = SeenUnseen.of(np.full((2, 4), 0.5), own, own, UNSEEN)
    assert best.below[0] == -np.inf
    assert best.above[1] == np.inf


def test_labels_that_are_right_too_are_no_rivals_and_not_asked_for() -> None:
    best = SeenUnseen.of(SCORES[:1], OWN[:1], np.array([[True, False, True, False]]), UNSEEN)
    assert best.below[0] == pytest.approx(0.8, abs=1e-5)  # against 0.1, as 0.5 is right too
    assert np.isnan(best.above[0])


def test_area_and_harmonic_mean_by_hand() -> None:
    best = SeenUnseen.of(SCORES, OWN, OWN, UNSEEN)
    # Seen limits 0.4, none, 0.5; unseen limits 0.1, 0.5, -0.6: 2 + 0 + 2 pairs of 9, since at 0.5
    # itself neither side is strictly ahead.
    assert area(best.below, best.above).mean() == pytest.approx(4 / 9)
    seen, unseen = right_at(best.below, best.above)
    np.testing.assert_array_equal(seen, [1, np.nan, np.nan, 0, 1])
    np.testing.assert_array_equal(unseen, [np.nan, 0, 0, np.nan, 1])
    assert harmonic_mean(seen, unseen).mean() == pytest.approx(2 * 2 / 3 * 1 / 3)
    assert not harmonic_mean(np.zeros(3), np.zeros(3)).any()


def test_area_is_that_under_the_curve_that_gamma_draws() -> None:
    rng = np.random.default_rng(0)
    scores, own = rng.normal(size=(60, 9)), rng.random((60, 9)) < 0.2
    best = SeenUnseen.of(scores, own, own, np.arange(9) > 5)
    limits = np.sort(np.concatenate([best.below, best.above]))
    limits = np.concatenate([[-9], limits[np.isfinite(limits)], [9]])
    points = [
        [np.nanmean(side) for side in right_at(best.below, best.above, gamma)]
        for gamma in (limits[1:] + limits[:-1]) / 2
    ]
    seen, unseen = np.array(points).T
    assert area(best.below, best.above).mean() == pytest.approx(
        -np.trapezoid(unseen, seen), abs=1e-6
    )


def test_intervals_are_those_of_a_bootstrap_over_pictures() -> None:
    rng = np.random.default_rng(1)
    n = 300
    scores, own = rng.normal(size=(n, 9)), rng.random((n, 9)) < 0.2
    scores[own] += 1
    best = SeenUnseen.of(scores, own, own, np.arange(9) > 5)
    drawn = rng.integers(n, size=(2000, n))
    sides = right_at(best.below, best.above)
    for values, again in (
        (area(best.below, best.above), lambda rows: area(best.below[rows], best.above[rows])),
        (harmonic_mean(*sides), lambda rows: harmonic_mean(*(side[rows] for side in sides))),
    ):
        low, high = np.percentile([again(rows).mean() for rows in drawn], (2.5, 97.5))
        got = paired_difference(values, np.zeros(n))
        assert (got.low, got.high) == pytest.approx((low, high), abs=0.12 * (high - low))
