"""Checkers of what compares models: labels left out, a paired test, and many questions at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask
from glasskit.evaluation.intervals import holm as adjusted

CLOSE = 1e-6


def seen_unseen(
    own: Callable[[np.ndarray, np.ndarray, np.ndarray], Sequence[float]],
) -> Checked:
    """Shares of pictures whose trained label, and whose left-out label, is ahead of all wrong ones.

    Args:
        own: (n, c) scores, (n, c) bool of the labels a picture carries, (c,) bool of the labels
            that were left out -> share seen and share unseen, each of the pictures that carry one.
    """
    left = np.array([False, False, True, True])
    carried = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0]], dtype=bool)
    # Picture 0: both right, 1: unseen behind a wrong trained label, 2: both behind, 3: no unseen.
    scores = np.array([[9, 1, 8, 2], [5, 7, 1, 4], [2, 1, 3, 9], [1, 8, 2, 3]], dtype=float)
    alone, among = 1 / 3, 2 / 3
    known = {
        (0.75, alone): None,
        (0.75, among): "a left-out label has to be ahead of wrong trained labels too",
        (1.0, among): "wrong labels of the other kind are rivals too",
        (0.75, 0.0): "a picture's own labels of the other kind are right too: they are no rivals",
        (0.75, 0.25): "a picture that carries no left-out label is not asked for one",
        (alone, 0.75): "the two are in each other's place: seen first",
    }

    def shape() -> Help:
        found = own(scores.copy(), carried.copy(), left.copy())
        if found is None:
            return OPEN
        return None if np.shape(found) == (2,) else "return two shares, seen and unseen"

    def value() -> Help:
        found = own(scores.copy(), carried.copy(), left.copy())
        for (seen, unseen), help_text in known.items():
            if np.allclose(found, (seen, unseen), atol=CLOSE):
                return help_text
        return f"four pictures give {found[0]:.2f} and {found[1]:.2f}, which is not so"

    def ties() -> Help:
        found = own(np.zeros((4, 4)), carried.copy(), left.copy())
        return None if np.allclose(found, 0) else "a blank picture knows none: a tie is not ahead"

    steps: list[Step] = [("two shares", shape), ("four pictures", value), ("a tie", ties)]
    return ask("Seen and unseen", steps)


def sign_flip(own: Callable[[np.ndarray, np.ndarray], float]) -> Checked:
    """p of the paired sign-flip test over clusters, exact or from random signs.

    Args:
        own: (n,) differences of two models, (n,) numbers of the clusters -> p from 0 to 1.
    """
    clusters = np.repeat(np.arange(6), 5)
    all_up = np.ones(30)
    mixed = np.repeat([3.0, -1.0, 2.0, 1.0, -2.0, 0.0], 5)
    exact = {"all six up": (all_up, 2 / 64), "mixed": (mixed, 44 / 64)}

    def shape() -> Help:
        found = own(all_up.copy(), clusters.copy())
        if found is None:
            return OPEN
        if np.ndim(found) or not 0 <= found <= 1:
            return f"it returns {found}; p is one number from 0 to 1"
        return None

    def value(what: str) -> Help:
        differences, wanted = exact[what]
        found = float(own(differences.copy(), clusters.copy()))
        if abs(found - wanted) < 0.25 * wanted:
            return None
        if what == "all six up" and abs(found - wanted / 2) < 0.1 * wanted:
            return "it asks for one direction alone: as large counts both ways, take the absolute"
        if found < 0.25 * wanted:
            return "far too small: the pictures of a cluster change sign together"
        return f"p is {found:.3f}, which is too {'high' if found > wanted else 'low'}"

    steps: list[Step] = [("p", shape)]
    steps += [(what, partial(value, what)) for what in exact]
    return ask("A sign-flip test", steps)


def holm(own: Callable[[Sequence[float]], Sequence[float]]) -> Checked:
    """Holm's correction of several p.

    Args:
        own: m values of p -> m corrected values, in the same order.
    """
    cases = {
        "three questions": [0.01, 0.04, 0.03],
        "another order": [0.2, 0.01, 0.02, 0.9],
        "no more than 1": [0.6, 0.7],
    }

    def shape() -> Help:
        found = own(cases["three questions"])
        if found is None:
            return OPEN
        return None if np.shape(found) == (3,) else "three values of p give three corrected ones"

    def value(what: str) -> Help:
        p, right = np.array(cases[what]), np.array(adjusted(cases[what]))
        found = np.array(own(cases[what]), dtype=float)
        if np.allclose(found, right, atol=CLOSE):
            return None
        if (found > 1).any():
            return "p is never above 1"
        if np.allclose(found, np.minimum(1, p * len(p)), atol=CLOSE):
            return "each is multiplied by the number of questions: that is Bonferroni's correction"
        if np.allclose(np.sort(found), np.sort(right), atol=CLOSE):
            return "the values are right and not in the order in which they came"
        if (np.diff(found[p.argsort()]) < -CLOSE).any():
            return "a larger p is never corrected to a smaller one than those before it"
        return f"{cases[what]} give {found.round(3).tolist()}"

    steps: list[Step] = [("as many as came", shape)]
    steps += [(what, partial(value, what)) for what in cases]
    return ask("Holm's correction", steps)
