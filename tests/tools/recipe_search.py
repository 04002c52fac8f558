"""Search the training recipe: random settings, measured where no test picture is looked at.

coco-concepts: five parts of its train split, each measured by a run on the other four.
scenes: a run on the train split, measured on the val split.

python -m tests.tools.recipe_search FILE [--draws N] [--seconds S] [--table] [--final]

adds a line of JSON a recipe to FILE, in the same order every time; recipes that are in it are not
run again. ``--final`` measures those with a name on five parts of all of coco-concepts instead,
which is done once and chooses nothing. ``--table`` prints FILE as Markdown, a section a data set.
What came of it is told in `tests/benchmarks/results/recipe.md`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glasskit.data import GroupedDataset, load_dataset
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.study import RECIPES, markdown, study

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
"""What helped concepts that are left out whole (`glasskit study --unseen`)."""


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


def parts(final: bool) -> dict[str, tuple[GroupedDataset, int]]:
    """Data sets, each with the number of folds that `study` measures it in."""
    coco = load_dataset("coco-concepts")
    if final:
        return {"coco-concepts": (coco, 5)}
    scenes = load_dataset("scenes").where(lambda record: record.split != "test")
    renamed = {"train": "train", "val": "test"}
    records = tuple(replace(r, split=renamed[r.split]) for r in scenes.records)
    scenes = replace(scenes, records=records)
    return {"coco-concepts": (coco.split("train"), 5), "scenes": (scenes, 0)}


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Markdown: shares with intervals and paired differences of all recipes, by data set."""
    sections = []
    for key in rows["untrained"]:
        outcomes = {
            name: Outcome(
                {measure: np.array(values) for measure, values in row[key]["values"].items()},
                np.array(row[key]["clusters"]),
                row[key]["cluster_by"],
            )
            for name, row in rows.items()
        }
        sections.append(f"### {key}\n\n{markdown(outcomes)}")
    return "\n\n".join(sections)


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
    done = {row["name"]: row["found"] for row in map(json.loads, lines)}
    if given.table:
        print(table(done))
        return
    chosen = RECIPES | TOGETHER if given.final else recipes(given.draws)
    for name, changes in {"untrained": None, **chosen}.items():
        if name in done or time.monotonic() > end:
            continue
        found = {}
        for key, (dataset, folds) in parts(given.final).items():
            wanted = {} if changes is None else {name: changes}
            one = study(dataset, wanted, folds=folds)[name]
            found[key] = {
                "values": {m: values.round(4).tolist() for m, values in one.values.items()},
                "clusters": one.clusters.tolist(),
                "cluster_by": one.cluster_by,
            }
            print(name, key, {m: round(one.share(m), 3) for m in one.values}, flush=True)
        with given.file.open("a") as file:
            file.write(json.dumps({"name": name, "changes": changes, "found": found}) + "\n")


if __name__ == "__main__":
    main()
