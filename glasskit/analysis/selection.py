"""A selection on a map: which points a lasso holds, and what they have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glasskit.models.standard import Standard, label_scores
from glasskit.models.vectors import unit


class Shared(NamedTuple):
    """A concept that a selection shares.

    Attributes:
        name: the concept.
        lift: how much nearer the selected pictures are to it than all pictures are, in standard
            deviations of the similarity to this concept over all pictures.
    """

    name: str
    lift: float


def inside(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(n,) bool: which points lie inside a closed outline, by the even-odd rule.

    A ray to the right from a point inside crosses the outline an odd number of times. The browser
    draws the outline and sends only its corners; this is the one place that decides.

    Args:
        points: (n, 2).
        outline: (c, 2) corners in order; the last is joined to the first.
    """
    held = np.zeros(len(points), dtype=bool)
    x, y = points[:, 0], points[:, 1]
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        held ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return held


def shared_concepts(
    pictures: np.ndarray,
    concepts: np.ndarray,
    names: tuple[str, ...],
    selected: np.ndarray,
) -> list[Shared]:
    """The concepts that selected pictures have in common and others have not.

    lift(c) = (mean similarity of the selection to c - mean of all) / standard deviation of all: the
    mean standard score of the selection, with all pictures as the reference.

    Args:
        pictures: (n, L) all pictures.
        concepts: (c, L) their possible concepts.
        names: c names.
        selected: indices of the selected pictures.

    Returns:
        The five of largest lift, best first; none for an empty selection.
    """
    if not len(selected):
        return []
    pictures, concepts = unit(pictures), unit(concepts)
    lift = label_scores(pictures[selected], concepts, Standard.over(pictures, concepts)).mean(
        axis=0
    )
    return [Shared(names[c], float(lift[c])) for c in np.argsort(-lift, kind="stable")[:5]]
