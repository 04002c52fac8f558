"""What training teaches: recognition and what should stay intact, with intervals.

Nothing is timed here, so that the data sets go beside each other, one core each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import glasskit
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.study import markdown, study
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
            _section(name, {recipe: _outcome(name, of) for recipe, of in answer.items()})
            for name, answer in zip(TITLES, found, strict=True)
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


def _outcome(dataset: str, values: Mapping[str, list[float]]) -> Outcome:
    test = glasskit.load_dataset(dataset).split("test")
    arrays = {measure: np.asarray(each) for measure, each in values.items()}
    return Outcome(arrays, test.clusters, test.cluster_by)


def _section(dataset: str, outcomes: Mapping[str, Outcome]) -> str:
    return f"### {TITLES[dataset]}, mean of {len(SEEDS)} seeds\n\n{markdown(outcomes)}"
