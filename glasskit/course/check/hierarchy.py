"""Checkers of hierarchies that the reader writes: the prior of merged words, and a cone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask
from glasskit.losses.entailment import K, Polar, euclidean_cone

CLOSE = 1e-6


def prior(own: Callable[[np.ndarray], np.ndarray]) -> Checked:
    """How far each token may attend to each other one: the product of the affinities on the way.

    Args:
        own: (L-1,) logs of the affinity of token i with i+1 -> (L, L) priors.
    """
    log_a = np.log([0.9, 0.5, 0.8])

    def shape() -> Help:
        found = own(log_a)
        if found is None:
            return OPEN
        same = np.shape(found) == (4, 4)
        return None if same else f"3 affinities lie between 4 tokens, not {np.shape(found)}: (4, 4)"

    def diagonal() -> Help:
        found = np.diagonal(own(log_a))
        if np.allclose(found, 1, atol=CLOSE):
            return None
        logs = " (these look like logs)" if np.min(own(log_a)) < 0 else ""
        return f"a token sees itself in full: the diagonal is 1, not {found[0]:.2f}{logs}"

    def symmetry() -> Help:
        found = np.asarray(own(log_a))
        same = np.allclose(found, found.T, atol=CLOSE)
        return None if same else "the way back is as long as the way there: C is symmetric"

    def neighbours() -> Help:
        found = np.diagonal(own(log_a), 1)
        same = np.allclose(found, [0.9, 0.5, 0.8], atol=CLOSE)
        return None if same else "between neighbours C is their affinity: is it one place off?"

    def ways() -> Help:
        found = np.asarray(own(log_a))[0, 3]
        if np.isclose(found, 0.9 * 0.5 * 0.8, atol=CLOSE):
            return None
        if np.isclose(found, 0.5, atol=CLOSE):
            return "it is the weakest affinity on the way, not the product of all"
        return f"from the first to the last token it is {found:.3f}: multiply all on the way"

    def tiny() -> Help:
        found = np.asarray(own(np.full(30, -60.0)))
        if np.isfinite(found).all() and np.isclose(found[-2, -1], np.exp(-60), rtol=1e-3, atol=0):
            return None
        return "of tiny affinities it loses numbers: take running sums of logs, not of products"

    steps: list[Step] = [("(L, L)", shape), ("the diagonal", diagonal), ("symmetry", symmetry)]
    steps += [("neighbours", neighbours), ("longer ways", ways), ("tiny affinities", tiny)]
    return ask("The prior of merged tokens", steps)


def outside(own: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Checked:
    """How far children lie outside their parents' cones in flat space, in radians.

    Args:
        own: (n, L) parents x, (n, L) children y -> (n,) angle at x between the way from the origin
            and the way to y, less half the aperture asin(0.2 / |x|).
    """
    parents, children = np.random.default_rng(0).normal(size=(2, 6, 3)) + 1
    children[0] = 2 * parents[0]  # straight ahead
    wanted = _cone(parents, children)

    def shape() -> Help:
        found = own(parents, children)
        if found is None:
            return OPEN
        same = np.shape(found) == (6,)
        return None if same else f"six pairs give six numbers, not the shape {np.shape(found)}"

    def value() -> Help:
        found = own(parents, children)
        if np.allclose(found, wanted, atol=CLOSE):
            return None
        for help_text, mistake in _MISTAKES.items():
            if np.allclose(found, mistake(parents, children), atol=CLOSE):
                return help_text
        return f"the second pair gives {found[1]:.3f}, which is {abs(found[1] - wanted[1]):.3f} off"

    return ask("Outside of a cone", [("one number a pair", shape), ("values", value)])


def _cone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return euclidean_cone(Polar.of(torch.from_numpy(x)), Polar.of(torch.from_numpy(y))).numpy()


def _half(x: np.ndarray) -> np.ndarray:
    """Half the aperture at (n, L) parents."""
    return np.arcsin(2 * K / np.linalg.norm(x, axis=1))


def _angle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.arccos(np.clip((x * y).sum(1) / lengths, -1, 1))


_MISTAKES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "half the aperture is not taken off": lambda x, y: _cone(x, y) + _half(x),
    "the whole aperture is taken off: a cone opens half of it to each side": lambda x, y: (
        _cone(x, y) - _half(x)
    ),
    "a child inside has a negative number: do not cut at 0": lambda x, y: _cone(x, y).clip(0),
    "the angle is measured at the origin: it is the one at x": lambda x, y: _angle(x, y) - _half(x),
    "parent and child have changed places": lambda x, y: _cone(y, x),
    "these are degrees: give radians": lambda x, y: np.degrees(_cone(x, y)),
}
"""What people write, by the sentence that says what to look at."""
