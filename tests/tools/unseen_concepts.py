"""Concepts held out of training: how far do recipes raise the recognition of what they never saw?

python -m tests.tools.unseen_concepts DATASET [--folds K] [--seeds S] [--split NAME]

prints two Markdown tables about every picture of the concepts that its model was trained without
(`glasskit.evaluation.unseen`): shares with intervals, and paired differences with their tests.
Concepts are what is left out, so that intervals and tests are over concepts. Two measures tell a
model that is drawn to trained concepts from one that forgot: a picture that is drawn there is wrong
among all concepts and right among those of its fold, none of which was trained on; a picture whose
own concept is no longer known is wrong among both.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch

from glasskit.data import load_dataset
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.concepts import recognise_labels
from glasskit.evaluation.retrieval import retrieve, same_texts
from glasskit.evaluation.study import RECIPES, markdown, train_recipe
from glasskit.evaluation.unseen import Fold, unseen_folds
from glasskit.models import GlassModel, load_model
from glasskit.models.embedding import embed
from tests.tools.recipe_search import TOGETHER

ALL, OWN, CAPTION = "among all concepts", "among the fold's concepts", "caption R@10"
"""Acceptable top-1 twice, and the own literal caption among those of the fold's pictures."""


def measured(model: GlassModel, fold: Fold) -> dict[str, np.ndarray]:
    """(n,) numbers by measure for the n pictures of the concepts that a fold left out."""
    test = fold.test
    seen, labels = embed(model, test), test.labels(1)
    own = [labels.index(name) for name in fold.held_out]
    targets, acceptable = test.targets(1), test.acceptable(1)
    among_all = recognise_labels(seen.picture, seen.concept, labels, targets, acceptable)
    among_own = recognise_labels(
        seen.picture,
        seen.concept[own],
        fold.held_out,
        np.array([own.index(target) for target in targets]),
        acceptable[:, own],
    )
    same = same_texts([record.literal[0] for record in test.records])
    found = retrieve(seen.picture, seen.caption, np.arange(len(test)), same)
    columns = (among_all.accepted, among_own.accepted, found.hits("image_to_text", 10))
    return {
        name: np.asarray(c, float) for name, c in zip((ALL, OWN, CAPTION), columns, strict=True)
    }


def main() -> None:
    """Train every recipe without each fold of concepts and print what it does with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--split", help="only its pictures, as where a recipe is to be chosen")
    given = parser.parse_args()
    torch.set_num_threads(1)
    start, data = load_model("lite0-minilm", device="cpu"), load_dataset(given.dataset)
    recipes: dict[str, dict[str, Any]] = RECIPES | TOGETHER
    parts: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in ("untrained", *recipes)}
    concepts = []
    for fold in unseen_folds(data if given.split is None else data.split(given.split), given.folds):
        parts["untrained"].append(measured(start, fold))
        concepts.append(fold.test.targets(1))
        for name, changes in recipes.items():
            models = (
                train_recipe(fold.train, start, {**changes, "seed": seed})
                for seed in range(given.seeds)
            )
            runs = [measured(model, fold) for model in models]
            parts[name].append({m: np.mean([run[m] for run in runs], axis=0) for m in runs[0]})
    of = np.concatenate(concepts)
    outcomes = {
        name: Outcome({m: np.concatenate([one[m] for one in each]) for m in each[0]}, of, "concept")
        for name, each in parts.items()
    }
    print(markdown(outcomes))


if __name__ == "__main__":
    main()
