"""Concepts held out of training: how far do recipes raise the recognition of what they never saw?

python -m tests.tools.unseen_concepts DATASET [--folds K] [--seeds S]

prints a Markdown table: acceptable top-1 among all concepts, on every picture of the concepts that
its model was trained without (`glasskit.evaluation.unseen`), with paired differences.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from pathlib import Path

import numpy as np
import torch

from glasskit.data import load_dataset
from glasskit.evaluation.intervals import interval, paired_difference
from glasskit.evaluation.unseen import recognise_level1, unseen_folds
from glasskit.models import load_model
from glasskit.study import RECIPES
from glasskit.training import TrainConfig, train


def main() -> None:
    """Train every recipe without each fold of concepts and print what it does with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, data = load_model("lite0-minilm", device="cpu"), load_dataset(given.dataset)
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("untrained", *RECIPES)}
    for fold in unseen_folds(data, given.folds):
        found["untrained"].append(recognise_level1(start, fold.test).accepted.astype(float))
        for name, changes in RECIPES.items():
            runs = []
            for seed in range(given.seeds):
                model = copy.deepcopy(start)
                with tempfile.TemporaryDirectory() as out:
                    settings = {**changes, "seed": seed, "out": str(Path(out)), "tracker": "none"}
                    train(TrainConfig.load(None, **settings), dataset=fold.train, model=model)
                runs.append(recognise_level1(model.eval(), fold.test).accepted.astype(float))
            found[name].append(np.mean(runs, axis=0))
    values = {name: np.concatenate(parts) for name, parts in found.items()}
    print("| recipe | acceptable top-1 | over untrained | over the CLIP loss |")
    print("| --- | ---: | ---: | ---: |")
    for name, mine in values.items():
        low, high = interval(mine)
        cells = [f"{mine.mean():.3f} ({low:.3f} to {high:.3f})"]
        for other in ("untrained", "clip"):
            gain = paired_difference(mine, values[other]).as_dict()
            text = "{difference:+.3f} ({low:+.3f} to {high:+.3f})".format(**gain)
            cells.append("" if name == other else text)
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
