"""Search the training recipe: random settings, measured where no test picture is looked at.

coco-concepts: five parts of its train split, each measured by a run on the other four.
scenes: a run on the train split, measured on the val split.
Every run keeps its last weights, so that no measured picture chooses an epoch.

python -m tests.tools.recipe_search FILE [--draws N] [--seconds S]

adds a line of JSON a recipe to FILE, in the same order every time; recipes that are in it are not
run again. `tests/benchmarks/results/recipe.md` tells what came of it.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glasskit.data import GroupedDataset, load_dataset
from glasskit.evaluation.evaluate import measure
from glasskit.models import GlassModel, load_model
from glasskit.study import MEASURES, Outcome, _folds, _outcome, _values
from glasskit.training import TrainConfig, train

FIXED: dict[str, dict[str, Any]] = {
    "clip": {"objective": "clip"},
    "clip on all captions": {"objective": "clip", "paraphrase_weight": 1.0, "theme_weight": 1.0},
    "grouped": {"objective": "grouped"},
    "joint": {"objective": "joint"},
}
SPACE: dict[str, tuple[Any, ...]] = {
    "instance_weight": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    "alpha": (0.5, 0.7, 0.85, 1.0),
    "temperature": (0.05, 0.07, 0.1, 0.15),
    "inner_temperature": (0.05, 0.1, 0.2),
    "lr": (2e-3, 4e-3, 8e-3),
    "text_lr": (3e-4, 1e-3, 2e-3, 4e-3),
    "weight_decay": (0.01, 0.1, 0.3),
    "literal_weight": (0.5, 1.0, 2.0),
    "theme_weight": (0.5, 1.0, 2.0),
    "feature_dropout": (0.1, 0.3, 0.5),
    "groups_per_batch": (16, 24, 32),
    "group_size": (2, 4, 6),
    "epochs": (10, 20, 30),
}


def recipes(draws: int) -> dict[str, dict[str, Any]]:
    """The fixed ones, then random ones; the first are the same however many are drawn."""
    rng = np.random.default_rng(0)
    drawn = {}
    for number in range(draws):
        changes = {n: options[rng.integers(len(options))] for n, options in SPACE.items()}
        drawn[f"draw {number}"] = {"objective": "joint", **changes}
    return FIXED | drawn


def parts() -> dict[str, list[GroupedDataset]]:
    """What is trained on (split train) and measured (split test), data set by data set."""
    scenes = load_dataset("scenes").where(lambda record: record.split != "test")
    renamed = {"train": "train", "val": "test"}
    records = tuple(replace(r, split=renamed[r.split]) for r in scenes.records)
    return {
        "coco-concepts": list(_folds(load_dataset("coco-concepts").split("train"), 5)),
        "scenes": [replace(scenes, records=records)],
    }


def outcome(
    folds: list[GroupedDataset], start: GlassModel, changes: dict[str, Any] | None, seed: int = 0
) -> Outcome:
    """What a recipe, or None for the untrained model, does with every picture of the parts."""
    scores = []
    for fold in folds:
        model = copy.deepcopy(start)
        if changes is not None:
            with tempfile.TemporaryDirectory() as out:
                run = {**changes, "seed": seed, "out": out, "tracker": "none", "device": "cpu"}
                train(TrainConfig.load(None, **run), dataset=fold, model=model)
        scores.append([_values(measure(model.eval(), fold.split("test"), draws=1))])
    return _outcome(scores)


def main() -> None:
    """Measure what FILE lacks until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=450)
    given = parser.parse_args()
    torch.set_num_threads(1)
    end = time.monotonic() + given.seconds
    lines = given.file.read_text().splitlines() if given.file.exists() else []
    done = {json.loads(line)["name"] for line in lines}
    start, data = load_model("lite0-minilm", device="cpu"), parts()
    for name, changes in {"untrained": None, **recipes(given.draws)}.items():
        if name in done or time.monotonic() > end:
            continue
        row = {"name": name, "changes": changes}
        for key, folds in data.items():
            found = outcome(folds, start, changes)
            row[key] = {m: [round(float(v), 4) for v in found.values[m]] for m in MEASURES}
        with given.file.open("a") as file:
            file.write(json.dumps(row) + "\n")
        means = {k: [round(float(np.nanmean(row[k][m])), 3) for m in MEASURES] for k in data}
        print(name, means, flush=True)


if __name__ == "__main__":
    main()
