"""Caption over negation: is the true caption nearer to its picture than a false sentence?"""

from __future__ import annotations

from typing import Any

import numpy as np

from glasskit.evaluation.intervals import interval
from glasskit.models.vectors import TIE, mean_direction, row_products, unit_rows


def caption_wins(images: np.ndarray, captions: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """(n,) bool: cos(image, caption) > cos(image, negative), ties not correct.

    Args:
        images, captions, negatives: (n, L), row i of each belongs together. One row of images
            stands for all.

    Raises:
        InputError: NaN or shapes that are no (n, L).
    """
    images = unit_rows(images, "image vectors")
    captions = unit_rows(captions, "caption vectors")
    negatives = unit_rows(negatives, "negative caption vectors")
    images = np.broadcast_to(images, captions.shape)
    return row_products(images, captions) > row_products(images, negatives) + TIE


def blind_wins(images: np.ndarray, captions: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """(n,) bool: the same choice with every picture replaced by the mean of all pictures.

    What is won blind is won by the language alone: negations have words that captions do not have.
    """
    mean = mean_direction(unit_rows(images, "image vectors"))
    return caption_wins(mean, captions, negatives)


def summarise_wins(wins: np.ndarray, blind: np.ndarray, clusters: np.ndarray) -> dict[str, Any]:
    """The share of wins with its interval, chance, and the share won blind; None for no picture."""
    asked = len(wins) > 0
    return {
        "n": len(wins),
        "caption_over_negation": float(wins.mean()) if asked else None,
        "ci95": interval(wins, clusters=clusters) if asked else None,
        "blind": float(blind.mean()) if asked else None,
        "chance": 0.5,
    }
