"""Search the training recipe: random settings, measured where no test picture is looked at.

coco-concepts: five parts of its train split, each measured by a run on the other four.
scenes: a run on the train split, measured on the val split.
Every run keeps its last weights, so that no measured picture chooses an epoch.

python -m tests.tools.recipe_search FILE [--draws N] [--seconds S] [--table] [--final]

adds a line of JSON a recipe to FILE, in the same order every time; recipes that are in it are not
run again. ``--final`` measures those with a name on five parts of all of coco-concepts instead,
which is done once and chooses nothing. ``--table`` prints FILE as Markdown. What came of it is told
in `tests/benchmarks/results/recipe.md`.
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
from glasskit.evaluation.concepts import recognise
from glasskit.evaluation.embeddings import embed
from glasskit.evaluation.negation import caption_wins
from glasskit.evaluation.retrieval import retrieve, same_texts
from glasskit.evaluation.study import MEASURES, RECIPES, Outcome, cross_validation, joined
from glasskit.models import GlassModel, load_model
from glasskit.training import TrainConfig, train

SINGLE: dict[str, tuple[Any, ...]] = {
    "instance_weight": (0.4, 0.6),
    "groups_per_batch": (32,),
    "group_size": (2, 8),
    "text_lr": (3e-3,),
    "temperature": (0.07,),
    "literal_weight": (2.0,),
    "weight_decay": (0.1,),
    "feature_dropout": (0.5,),
    "alpha": (0.85,),
    "lr": (8e-3,),
    "epochs": (40,),
    "inner_temperature": (0.05,),
    "theme_weight": (2.0,),
}
"""Changes to the grouped loss, one at a time (instance_weight: to joint)."""

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

TOGETHER: dict[str, dict[str, Any]] = {
    "grouped, weight_decay 5": {"objective": "grouped", "weight_decay": 5.0},
    "joint, weight_decay 5": {"objective": "joint", "weight_decay": 5.0},
}
"""What helped concepts that are left out whole (`tests.tools.unseen_concepts`)."""


def recipes(draws: int) -> dict[str, dict[str, Any]]:
    """The fixed ones, single changes, their combinations, then random ones, always the same."""
    single = {
        f"{name} {value:g}": {
            "objective": "joint" if name == "instance_weight" else "grouped",
            name: value,
        }
        for name, values in SINGLE.items()
        for value in values
    }
    rng = np.random.default_rng(0)
    drawn = {}
    for number in range(draws):
        changes = {n: options[rng.integers(len(options))] for n, options in SPACE.items()}
        drawn[f"draw {number}"] = {"objective": "joint", **changes}
    return RECIPES | single | TOGETHER | drawn


def parts(final: bool) -> dict[str, list[GroupedDataset]]:
    """What is trained on (split train) and measured (split test), data set by data set."""
    if final:
        return {"coco-concepts": list(cross_validation(load_dataset("coco-concepts"), 5))}
    scenes = load_dataset("scenes").where(lambda record: record.split != "test")
    renamed = {"train": "train", "val": "test"}
    records = tuple(replace(r, split=renamed[r.split]) for r in scenes.records)
    return {
        "coco-concepts": list(cross_validation(load_dataset("coco-concepts").split("train"), 5)),
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
        scores.append([measured(model.eval(), fold.split("test"))])
    return joined(scores)


def measured(model: GlassModel, test: GroupedDataset) -> dict[str, np.ndarray]:
    """(n,) numbers by measure, as `glasskit.evaluation.study` has them, and nothing else."""
    vectors = embed(model, test)
    concepts = recognise(
        vectors.images, vectors.labels[1], test.labels(1), test.targets(1), test.acceptable(1)
    )
    literal = [record.literal[0] for record in test.records]
    captions = vectors.of(literal)
    retrieval = retrieve(vectors.images, captions, np.arange(len(test)), same_texts(literal))
    negations = vectors.of([record.negation or "" for record in test.records])
    columns = (
        concepts.correct,
        concepts.accepted,
        concepts.within(5),
        retrieval.hits("image_to_text", 10),
        caption_wins(vectors.images, captions, negations),
    )
    return {name: np.asarray(c, float) for name, c in zip(MEASURES, columns, strict=True)}


def table(rows: dict[str, dict[str, Any]], data: dict[str, list[GroupedDataset]]) -> str:
    """Markdown: shares with 95% intervals, and paired differences to the grouped loss.

    Args:
        rows: what was measured, by recipe. data: the parts that it was measured on, in that order.
    """
    # Clusters of these data sets are named after what their pictures share, in every part alike.
    clusters = {
        key: np.array([r.cluster or r.key for fold in folds for r in fold.split("test").records])
        for key, folds in data.items()
    }
    found = {
        name: {
            key: Outcome({m: np.array(row[key][m]) for m in MEASURES}, clusters[key])
            for key in data
        }
        for name, row in rows.items()
    }
    columns = [
        (key, what)
        for key in found["untrained"]
        for what in ("acceptable top-1", "caption R@10", "caption > negation")
    ]
    heads = [f"{key}: {what}" for key, what in columns]
    heads += [f"{key}: {what} less grouped" for key, what in columns[::3]]
    lines = [f"| recipe | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for name, of in found.items():
        cells = []
        for key, what in columns:
            low, high = of[key].interval(what) or (np.nan, np.nan)
            cells.append(f"{of[key].share(what):.3f} ({low:.3f} to {high:.3f})")
        for key, what in columns[::3]:
            gain = of[key].gain(found["grouped"][key], what).as_dict()
            cells.append("{difference:+.3f} ({low:+.3f} to {high:+.3f}), p {p:.4f}".format(**gain))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what FILE lacks until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--draws", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=450)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--final", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    end = time.monotonic() + given.seconds
    lines = given.file.read_text().splitlines() if given.file.exists() else []
    done = {row["name"]: row for row in map(json.loads, lines)}
    if given.table:
        print(table(done, parts(given.final)))
        return
    start, data = load_model("lite0-minilm", device="cpu"), parts(given.final)
    chosen = RECIPES | TOGETHER if given.final else recipes(given.draws)
    for name, changes in {"untrained": None, **chosen}.items():
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
