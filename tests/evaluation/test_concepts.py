"""Concept recognition: ranks, ties, acceptable labels, confusion."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import unit
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, top_k_accuracy_score

from glasskit.errors import InputError
from glasskit.evaluation.concepts import TIED, recognise

LABELS = ("joy", "grief", "work")
AXES = np.eye(3)


def test_by_hand() -> None:
    images = unit(np.array([[3, 2, 1], [3, 2, 1], [1, 3, 2], [1, 2, 3.0]]))
    target = np.array([0, 1, 0, 2])
    also = np.zeros((4, 3), dtype=bool)
    also[1, 0] = True  # a careful viewer accepts joy for the second picture
    result = recognise(images, AXES, LABELS, target, also)
    assert result.rank.tolist() == [1, 2, 3, 1]
    assert result.predicted.tolist() == [0, 0, 1, 2]
    assert result.accepted.tolist() == [True, True, False, True]
    summary = result.summary()
    assert summary["top1"] == 0.5
    assert summary["acceptable_top1"] == 0.75
    assert summary["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 4)
    assert summary["macro_top1"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert summary["chance"] == pytest.approx(1 / 3)
    assert summary["best_constant"] == 0.5
    assert summary["acceptable_chance"] == pytest.approx((1 + 2 + 1 + 1) / 12)
    assert summary["top5"] is None
    assert result.confusion().tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


def test_ties_are_never_correct() -> None:
    images = unit(np.array([[1, 1, 0.0], [1, 1, 0]]))
    mask = np.array([[True, True, False], [True, False, False]])
    result = recognise(images, AXES, LABELS, np.array([0, 0]), mask)
    assert result.rank.tolist() == [2, 2]
    assert result.predicted.tolist() == [TIED, TIED]
    # Acceptable labels may share the first place; a wrong label may not share it with them.
    assert result.accepted.tolist() == [True, False]
    assert result.confusion()[0].tolist() == [0, 0, 0, 2]


def test_a_constant_model_scores_zero() -> None:
    labels = tuple(str(i) for i in range(8))
    same = np.ones((8, 4))
    result = recognise(same, same, labels, np.arange(8))
    summary = result.summary()
    assert summary["top1"] == summary["acceptable_top1"] == summary["top5"] == 0
    assert summary["macro_top1"] == 0
    assert summary["mrr"] == pytest.approx(1 / 8)


def test_a_blank_model_is_at_chance_or_below_in_the_macro_average() -> None:
    rng = np.random.default_rng(0)
    labels = tuple(str(i) for i in range(10))
    target = np.concatenate([np.zeros(60, int), np.arange(10)])
    blank = np.repeat(rng.normal(size=(1, 6)), 70, axis=0)
    summary = recognise(blank, rng.normal(size=(10, 6)), labels, target).summary()
    assert summary["macro_top1"] <= summary["chance"] + 1e-12
    assert summary["top1"] <= summary["best_constant"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 20), st.integers(1, 30))
def test_agrees_with_sklearn(seed: int, c: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    images, vectors = unit(rng.normal(size=(n, 8))), unit(rng.normal(size=(c, 8)))
    target = rng.integers(c, size=n)
    result = recognise(images, vectors, tuple(map(str, range(c))), target, block=7)
    scores = images @ vectors.T
    for k in (1, 5):
        want = top_k_accuracy_score(target, scores, k=k, labels=np.arange(c))
        assert (result.rank <= k).mean() == pytest.approx(want)
    want = confusion_matrix(target, scores.argmax(1), labels=np.arange(c))
    assert (result.confusion()[:, :c] == want).all()
    assert (result.accepted >= result.correct).all()


@pytest.mark.parametrize(
    ("images", "target", "message"),
    [
        (np.array([[np.nan, 0, 0]]), [0], "row 0 holds NaN"),
        (np.ones((1, 3)), [3], "none of the labels"),
        (np.ones((1, 2)), [0], "label vectors"),
        (np.ones(3), [0], r"expected \(n, L\)"),
    ],
)
def test_bad_input(images: np.ndarray, target: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recognise(images, AXES, LABELS, np.array(target))
