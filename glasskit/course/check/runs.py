"""Checkers of a run on data of the reader's own: what it costs, and what is kept for its test."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask

CLOSE = 1e-6


def hours(own: Callable[[float, float, float, int], float]) -> Checked:
    """How long a run takes whose readers work while the GPU computes.

    Args:
        own: pairs in all, pairs a second of the GPU, pictures a second that one core reads, cores
            -> hours.
    """
    cases = {
        "reading is slower": ((3_600_000, 4000.0, 50.0, 16), 1.25),
        "the GPU is slower": ((3_600_000, 500.0, 50.0, 16), 2.0),
    }

    def shape() -> Help:
        found = own(*cases["reading is slower"][0])
        if found is None:
            return OPEN
        return None if np.ndim(found) == 0 else "return one number"

    def value(what: str) -> Help:
        (pairs, gpu, reading, cores), wanted = cases[what]
        found = own(pairs, gpu, reading, cores)
        gpu_alone, readers = pairs / gpu / 3600, pairs / (reading * cores) / 3600
        known = {
            wanted: None,
            3600 * wanted: "these are seconds",
            60 * wanted: "these are minutes",
            gpu_alone + readers: "both work at once: their times do not add up",
            min(gpu_alone, readers): "the faster one waits for the slower one",
            pairs / reading / 3600: "all cores read",
        }
        for number, help_text in known.items():
            if math.isclose(found, number, rel_tol=CLOSE):
                return help_text
        return f"it gives {found:.3g} hours, which is too {'many' if found > wanted else 'few'}"

    steps: list[Step] = [("one number", shape)]
    steps += [(what, partial(value, what)) for what in cases]
    return ask("Hours of a run", steps)


def held_back(own: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Checked:
    """Pictures kept for a test, about a fifth of each group, no thing on both sides.

    Args:
        own: (n,) group of each picture, (n,) the thing that it shows -> (n,) bool, kept for a test.
    """
    groups = np.repeat(np.arange(4), 20)
    things = np.repeat(np.arange(20), 4)  # five things a group, four pictures of each
    mixed = np.random.default_rng(0).permutation(80)
    groups, things = groups[mixed], things[mixed]

    def kept() -> np.ndarray:
        return np.asarray(own(groups.copy(), things.copy()))

    def shape() -> Help:
        found = own(groups.copy(), things.copy())
        if found is None:
            return OPEN
        found = np.asarray(found)
        if found.shape != (80,):
            return f"80 pictures give {found.shape}, not (80,)"
        return None if found.dtype == bool else f"it is of {found.dtype}: return True and False"

    def sides() -> Help:
        found = kept()
        if not found.any() or found.all():
            return "all pictures are on one side"
        both = np.intersect1d(things[found], things[~found])
        if len(both):
            return (
                f"{len(both)} of 20 things are on both sides: the test would ask for what was "
                "learned by heart"
            )
        return None

    def share() -> Help:
        shares = [kept()[groups == group].mean() for group in range(4)]
        for group, found in enumerate(shares):
            if found in (0, 1):
                return f"group {group} is on one side alone"
            if not 0.1 <= found <= 0.3:
                return f"{found:.0%} of group {group} is kept: take about a fifth of each"
        return None

    steps: list[Step] = [("(n,) of bool", shape), ("no thing on both sides", sides)]
    return ask("What is held back", [*steps, ("a fifth of each group", share)])
