"""Checkers of measures that the reader writes: numbers and an answer worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask

Case = tuple[str, tuple[Any, ...], float, dict[float, str]]
"""What it is, arguments, the answer, and known wrong answers with what to look at."""

CLOSE = 1e-6


def recognised(own: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> Checked:
    """Share of pictures whose own concept is nearer than every other one; a tie is not right.

    Args:
        own: (n, L) pictures and (c, L) concepts of length 1, (n,) numbers of the own concepts ->
            share from 0 to 1.
    """
    concepts = np.eye(3)
    near = np.array([[0.9, 0.1, 0.2], [0.1, 0.9, 0.2], [0.8, 0.1, 0.3], [0.2, 0.1, 0.9]])
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    grey = np.full((2, 3), 3**-0.5)
    targets = np.array([0, 1, 2, 2])
    cases: list[Case] = [
        (
            "three of four pictures",
            (near, concepts, targets),
            0.75,
            {3.0: "it counts pictures: a share is the mean"},
        ),
        (
            "a grey picture, as near to all",
            (grey, concepts, np.array([0, 0])),
            0.0,
            {1.0: "a picture as near to all concepts knows none: a tie is not right"},
        ),
    ]
    return ask("Top-1 of concepts", _steps(own, cases))


def average_precision(own: Callable[[np.ndarray, np.ndarray], float]) -> Checked:
    """Mean, over the pictures that carry a label, of the precision at the place of each.

    Args:
        own: (n,) scores, (n,) whether a picture carries the label -> a number from 0 to 1.
    """
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, False, True, False, False])
    cases: list[Case] = [
        (
            "right at places 1 and 3 of 5",
            (scores, right),
            (1 + 2 / 3) / 2,
            {
                0.4: "it is the share of right pictures: precision is taken at each right place",
                (1 + 2 / 3) / 5: "divide by the number of right pictures, not of all",
                1 / 2 + 2 / 3: "is the precision at the first place 1 of 1?",
            },
        ),
        (
            "the same pictures in another order",
            (scores[::-1].copy(), right[::-1].copy()),
            (1 + 2 / 3) / 2,
            {(1 / 3 + 2 / 5) / 2: "the pictures are not put in the order of their scores"},
        ),
        ("all right", (scores, np.ones(5, bool)), 1.0, {}),
    ]
    return ask("Average precision", _steps(own, cases))


def uniformity(own: Callable[[np.ndarray], float]) -> Checked:
    """log of the mean of exp(-2 d^2) over all pairs of two vectors (Wang and Isola 2020).

    Args:
        own: (n, L) vectors of length 1 -> a number, 0 where all are one.
    """
    two = np.array([[1.0, 0.0], [-1.0, 0.0]])
    four = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    # Of six pairs four are sides (d^2 = 2) and two are diagonals (d^2 = 4).
    corners = math.log((4 * math.exp(-4) + 2 * math.exp(-8)) / 6)
    cases: list[Case] = [
        (
            "two opposite vectors",
            (two,),
            -8.0,
            {
                math.log((1 + math.exp(-8)) / 2): "each vector is paired with itself too",
                math.log((2 + math.exp(-8)) / 3): "each vector is paired with itself too",
                -4.0: "the distance is not squared",
                -16.0: "the factor before the squared distance is 2",
                math.exp(-8): "the logarithm is missing",
            },
        ),
        ("four corners of a square", (four,), corners, {}),
    ]
    return ask("Uniformity", _steps(own, cases))


def neighbours(own: Callable[[np.ndarray, np.ndarray, int], float]) -> Checked:
    """Mean share of the k nearest other pictures that are of a picture's own group.

    Args:
        own: (n, L) vectors of length 1, (n,) numbers of their groups, k -> share from 0 to 1.
    """
    angles = np.radians([0, 10, 25, 120, 135, 160])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    group = np.array([0, 0, 1, 1, 1, 0])
    # Nearest other: 1, 0, 1, 4, 3, 4. Second: 2, 2, 0, 5, 5, 3.
    cases: list[Case] = [
        (
            "the nearest one",
            (vectors, group, 1),
            4 / 6,
            {
                1.0: "each picture is its own nearest: leave it out",
                4.0: "it counts pictures: a share is the mean",
                0.5: "these are the farthest: the largest cosine is the nearest",
            },
        ),
        (
            "the two nearest",
            (vectors, group, 2),
            4 / 12,
            {5 / 6: "each picture is its own nearest: leave it out", 8 / 12: "divide by k"},
        ),
    ]
    return ask("Own neighbours", _steps(own, cases))


def interval(own: Callable[[np.ndarray, np.ndarray], Sequence[float]]) -> Checked:
    """A bootstrap interval of a mean over clusters of pictures: whole clusters are drawn.

    Args:
        own: (n,) values, (n,) numbers of the clusters -> low and high of the 95% interval.
    """
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(20), 10)
    values = np.repeat((rng.random(20) < 0.5).astype(float), 10)  # pictures of a cluster agree
    mean = values.mean()
    wide = 1.96 * math.sqrt(mean * (1 - mean) / 20)

    def shape() -> Help:
        found = own(values, clusters)
        if found is None:
            return OPEN
        if len(found) != 2 or not found[0] <= found[1]:
            return "return two numbers, the lower end first"
        return None

    def inside() -> Help:
        low, high = own(values, clusters)
        return None if low < mean < high else f"the mean, {mean:.2f}, is not between its ends"

    def width() -> Help:
        low, high = own(values, clusters)
        half = (high - low) / 2
        if half < 0.6 * wide:
            return (
                f"it is {half / wide:.0%} as wide as it should be: the ten pictures of a cluster "
                "say one thing, so draw clusters, not pictures"
            )
        if half > 1.6 * wide:
            return "it is far too wide: take the 2.5th and the 97.5th percentile of the means"
        return None

    steps: list[Step] = [("two ends", shape), ("holds the mean", inside), ("width", width)]
    return ask("An interval over clusters", steps)


def _steps(own: Callable[..., float], cases: Sequence[Case]) -> list[Step]:
    """One number, then its value in each case."""

    def shape() -> Help:
        found = own(*cases[0][1])
        if found is None:
            return OPEN
        if np.ndim(found):
            return f"it returns an array of shape {np.shape(found)}; return one number"
        return None if math.isfinite(found) else f"it returns {found}"

    def value(case: Case) -> Help:
        _, arguments, wanted, mistakes = case
        found = float(own(*arguments))
        if math.isclose(found, wanted, rel_tol=CLOSE, abs_tol=CLOSE):
            return None
        for wrong, help_text in mistakes.items():
            if math.isclose(found, wrong, rel_tol=CLOSE, abs_tol=CLOSE):
                return help_text
        return f"it gives {found:.4f}, which is too {'high' if found > wanted else 'low'}"

    steps: list[Step] = [("one number", shape)]
    return steps + [(case[0], lambda case=case: value(case)) for case in cases]
