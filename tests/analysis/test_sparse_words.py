"""A picture as a sum of words: known sums are found again, and nothing else is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import Lasso

from glasskit import load_dataset, load_model
from glasskit.analysis import Probe
from glasskit.analysis.sparse_words import MOST, sparse_sum, sparse_words
from glasskit.models.vectors import unit

WORDS = unit(np.random.default_rng(0).normal(size=(120, 64))).astype(np.float64)


@pytest.fixture(scope="module")
def probe() -> Probe:
    return Probe(load_model("lite0-glass"), load_dataset("coco-ideas"))


def test_a_known_sum_is_found_again() -> None:
    true = np.zeros(120)
    true[[3, 40, 77]] = 0.7, 0.5, 0.3
    weights, cosine = sparse_sum(true @ WORDS, WORDS, most=3)
    assert weights == pytest.approx(true, abs=1e-6)
    assert cosine == pytest.approx(1)
    with_a_negative = true @ WORDS - WORDS[100]
    weights, cosine = sparse_sum(with_a_negative, WORDS, most=3)
    assert weights.min() >= 0
    assert cosine < 0.9


def test_the_words_are_those_of_a_lasso_by_coordinate_descent() -> None:
    x = unit(np.random.default_rng(1).normal(size=64)).astype(np.float64)
    weights, cosine = sparse_sum(x, WORDS, most=6)
    counts, same = [], False
    for penalty in np.geomspace(0.4, 0.01, 200):
        # sklearn's Lasso divides the squares by the number of rows, here 64
        lasso = Lasso(alpha=penalty / 64, positive=True, fit_intercept=False, tol=1e-8)
        chosen = np.flatnonzero(lasso.fit(WORDS.T, x).coef_)
        counts.append(len(chosen))
        same |= chosen.tolist() == np.flatnonzero(weights).tolist()
    assert same
    assert max(counts) > 6
    assert cosine**2 == pytest.approx(1 - nnls(WORDS[weights > 0].T, x)[1] ** 2, abs=1e-5)


def test_without_a_limit_it_is_plain_non_negative_least_squares() -> None:
    words = WORDS[:20]
    x = unit(np.random.default_rng(2).normal(size=64))
    weights, _ = sparse_sum(x, words, most=20)
    assert weights == pytest.approx(nnls(words.T, x)[0], abs=1e-6)


def test_nothing_points_there() -> None:
    axes = np.eye(4, dtype=np.float32)
    weights, cosine = sparse_sum(-axes[0], axes)
    assert (weights.sum(), cosine) == (0, 0)


def test_pictures_of_the_data_set(probe: Probe) -> None:
    found = [sparse_words(probe, vector) for vector in probe.picture_vectors[::75]]
    for one in found:
        weights = [word.weight for word in one.words]
        assert 0 < len(weights) <= MOST
        assert min(weights) > 0
        assert weights == sorted(weights, reverse=True)
        assert one.share == pytest.approx(one.cosine**2)
    untrained = Probe(load_model("lite0-minilm"), probe.dataset)
    before = [sparse_words(untrained, vector) for vector in untrained.picture_vectors[::75]]
    assert np.median([one.cosine for one in found]) > np.median([one.cosine for one in before])
    own = sparse_words(probe, probe.picture_vectors[0], ["food", "snow", "a bus"], most=1)
    assert len(own.words) == 1
