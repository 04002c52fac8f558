"""Concept recognition: ranks, ties, acceptable concepts, blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import top_k_accuracy_score

from glasskit.models import recognition
from glasskit.models.recognition import recognise
from glasskit.models.standard import Standard
from glasskit.models.vectors import unit

AXES = np.eye(3, dtype=np.float32)


def test_by_hand() -> None:
    images = unit(np.array([[3, 2, 1], [3, 2, 1], [1, 3, 2], [1, 2, 3.0]]))
    also = np.zeros((4, 3), dtype=bool)
    also[1, 0] = True  # a careful viewer accepts concept 0 for the second picture
    found = recognise(images, AXES, np.array([0, 1, 0, 2]), also)
    assert found.rank.tolist() == [1, 2, 3, 1]
    assert found.correct.tolist() == [True, False, False, True]
    assert found.top.tolist() == [0, 0, 1, 2]
    assert found.accepted.tolist() == [True, True, False, True]
    assert not found.tied.any()
    assert not also[0, 0]  # what was given stays as it is


def test_ties_are_never_correct() -> None:
    images = unit(np.array([[1, 1, 0.0], [1, 1, 0], [0, 0, 0]]))
    mask = np.array([[True, True, False], [True, False, False], [True, False, False]])
    found = recognise(images, AXES, np.array([0, 0, 0]), mask)
    assert found.rank.tolist() == [2, 2, 3]
    assert found.tied.all()
    # Acceptable concepts may share the first place; a wrong one may not share it with them.
    assert found.accepted.tolist() == [True, False, False]


def test_standard_scores_change_the_order_and_keep_the_rule_for_ties() -> None:
    images = unit(np.array([[3, 2, 1.0]]))  # cosines .80 .53 .27
    standard = Standard(np.array([0.7, 0.2, 0.2], np.float32), np.array([2, 4, 0], np.float32))
    # z: (.802 - .7) 2 = .20, (.535 - .2) 4 = 1.34, and 0 for a name that tells nothing
    found = recognise(images, AXES, np.array([0]), standard=standard)
    assert (found.top.tolist(), found.rank.tolist()) == ([1], [2])
    # Twice one name: rounding of the cosine, times the scale, is no win.
    twice = Standard(np.full(3, 0.5, np.float32), np.full(3, 1000, np.float32))
    names = np.stack([AXES[0], unit(AXES[0] + [0, 3e-8, 0]), AXES[2]])
    assert recognise(images, names, np.array([0]), standard=twice).rank.tolist() == [2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(6, 20), st.integers(1, 30))
def test_agrees_with_sklearn_in_any_blocks(seed: int, c: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    images, concepts = unit(rng.normal(size=(n, 8))), unit(rng.normal(size=(c, 8)))
    target = rng.integers(c, size=n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognition, "BLOCK", 7)
        found = recognise(images, concepts, target)
    scores = images @ concepts.T
    for k in (1, 5):
        want = top_k_accuracy_score(target, scores, k=k, labels=np.arange(c))
        assert (found.rank <= k).mean() == pytest.approx(want)
    assert (found.top == scores.argmax(1)).all()
    assert (found.accepted == found.correct).all()
