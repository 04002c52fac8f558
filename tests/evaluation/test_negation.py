"""Caption over negation, and what is won blind."""

from __future__ import annotations

import numpy as np

from glasskit.evaluation.negation import blind_wins, caption_wins, summarise_wins


def test_by_hand() -> None:
    images = np.array([[1, 0.0], [0, 1.0], [1, 1.0]])
    captions = np.array([[1, 0.2], [1, 0.0], [1, 0.0]])
    negatives = np.array([[0.2, 1], [0, 1.0], [0, 1.0]])  # the third ties
    assert caption_wins(images, captions, negatives).tolist() == [True, False, False]
    summary = summarise_wins(np.array([True, False]), np.array([True, True]), np.arange(2))
    assert (summary["caption_over_negation"], summary["blind"], summary["n"]) == (0.5, 1.0, 2)


def test_a_blank_model_wins_no_more_than_blind() -> None:
    rng = np.random.default_rng(0)
    captions, negatives = rng.normal(size=(2, 400, 8))
    blank = np.repeat(rng.normal(size=(1, 8)), 400, axis=0)
    wins = caption_wins(blank, captions, negatives)
    assert (wins == blind_wins(blank, captions, negatives)).all()
    assert abs(wins.mean() - 0.5) < 0.08  # random sentences: chance
    # Pictures of zeros tie with everything.
    assert not caption_wins(np.zeros((400, 8)), captions, negatives).any()
