"""What training teaches: recognition and what should stay intact, with intervals.

Nothing is timed here, so that the data sets go beside each other, one core each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import glasskit
from glasskit.study import RECIPES, Outcome, markdown, study
from tests.benchmarks.own_process import asked

SEEDS = (0, 1, 2)
TITLES = {
    "scenes": "scenes, held-out glyphs, train to test",
    "coco-concepts": "coco-concepts, train to test",
}


def report() -> str:
    """Tables for scenes (held-out glyphs) and coco-concepts (train to test), as Markdown."""
    with ThreadPoolExecutor(os.cpu_count()) as beside:
        found = beside.map(lambda name: asked(__name__, "measured", name), TITLES)
        return "\n\n".join(
            _section(title, {recipe: _outcome(values) for recipe, values in answer.items()})
            for title, answer in zip(TITLES.values(), found, strict=True)
        )


def measured(dataset: str) -> dict[str, dict[str, list[float]]]:
    """The values of every recipe, and of the untrained model, by measure; for `asked`."""
    import torch

    torch.set_num_threads(1)
    outcomes = study(glasskit.load_dataset(dataset), seeds=SEEDS)
    return {
        name: {measure: values.tolist() for measure, values in outcome.values.items()}
        for name, outcome in outcomes.items()
    }


def _outcome(values: Mapping[str, list[float]]) -> Outcome:
    return Outcome({measure: np.asarray(each) for measure, each in values.items()})


def _section(title: str, outcomes: Mapping[str, Outcome]) -> str:
    grouped = outcomes["grouped"]
    lines = [f"### {title}, mean of {len(SEEDS)} seeds", "", markdown(outcomes), ""]
    for other in ("untrained", *(name for name in RECIPES if name.startswith("clip"))):
        for measure in ("top-1", "acceptable top-1", "caption R@10"):
            gain = grouped.gain(outcomes[other], measure)
            lines.append(
                f"- grouped less {other}, {measure}: {100 * gain.difference:+.1f} points "
                f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f}, p {gain.p:.4f})"
            )
    return "\n".join(lines)
