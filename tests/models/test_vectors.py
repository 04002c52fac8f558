"""Nearest neighbours against a loop and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.models import vectors
from glasskit.models.vectors import nearest, unit


def test_by_hand() -> None:
    bank = np.array([[1, 0], [0, 2], [3, 3], [-1, 0]], dtype=np.float32)
    found = nearest(np.array([5.0, 0.0]), bank, 3)
    assert found.index.tolist() == [[0, 2, 1]]
    assert found.score[0] == pytest.approx([1, np.sqrt(0.5), 0], abs=1e-6)


def test_matches_a_loop_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SCORES_AT_A_TIME", 33)
    bank = np.random.default_rng(0).normal(size=(11, 5))
    found = nearest(bank, bank, 4, exclude_self=True)
    for row in range(11):
        scores = [
            (-2.0 if other == row else float(unit(bank[row]) @ unit(bank[other])))
            for other in range(11)
        ]
        assert found.index[row].tolist() == np.argsort(scores)[::-1][:4].tolist()


def test_equal_scores_keep_their_order_and_k_is_cut() -> None:
    found = nearest(np.ones(3), np.ones((2, 3)), 9)
    assert found.index.tolist() == [[0, 1]]
