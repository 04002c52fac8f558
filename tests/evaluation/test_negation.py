"""Caption over negation, and what is won blind."""

from __future__ import annotations

import numpy as np

from glasskit.evaluation.negation import caption_wins, summarise_wins


def test_by_hand() -> None:
    images = np.array([[1, 0.0], [0, 1.0], [1, 1.0]])
    captions = np.array([[1, 0.2], [1, 0.0], [1, 0.0]])
    negatives = np.array([[0.2, 1], [0, 1.0], [0, 1.0]])  # the third ties
    assert caption_wins(images, captions, negatives).tolist() == [True, False, False]
    summary = summarise_wins(np.array([True, False]), np.array([True, True]), np.arange(2))
    assert (summary["caption_over_negation"], summary["blind"], summary["n"]) == (0.5, 1.0, 2)
