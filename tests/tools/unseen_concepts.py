"""Concepts held out of training: how far do recipes raise the recognition of what they never saw?

python -m tests.tools.unseen_concepts DATASET [--folds K] [--seeds S] [--split NAME]

prints three Markdown tables about every picture of the concepts that its model was trained without
(`glasskit.evaluation.unseen`): shares with intervals, paired differences to the untrained model and
to the grouped loss, with p of the sign-flip test after Holm's correction over the table. Concepts
are what is left out, so that intervals and tests are over concepts. Two measures tell a pull from a
loss: a picture that is drawn to trained concepts is wrong among all concepts and right among those
of its fold, none of which was trained on; a picture whose own concept is no longer known is wrong
among both.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from typing import Any

import numpy as np
import torch

from glasskit.data import load_dataset
from glasskit.evaluation.concepts import recognise
from glasskit.evaluation.embeddings import embed
from glasskit.evaluation.intervals import holm, interval, paired_difference
from glasskit.evaluation.retrieval import retrieve, same_texts
from glasskit.evaluation.study import RECIPES
from glasskit.evaluation.unseen import Fold, unseen_folds
from glasskit.models import GlassModel, load_model
from glasskit.training import TrainConfig, train
from tests.tools.recipe_search import TOGETHER

ALL, OWN, CAPTION = "among all concepts", "among the fold's concepts", "caption R@10"
"""Acceptable top-1 twice, and the own literal caption among those of the fold's pictures."""


def measured(model: GlassModel, fold: Fold) -> dict[str, np.ndarray]:
    """(n,) numbers by measure for the n pictures of the concepts that a fold left out."""
    test = fold.test
    vectors, labels = embed(model, test), test.labels(1)
    own = [labels.index(name) for name in fold.held_out]
    place = {label: i for i, label in enumerate(own)}
    targets, acceptable = test.targets(1), test.acceptable(1)
    among_all = recognise(vectors.images, vectors.labels[1], labels, targets, acceptable)
    among_own = recognise(
        vectors.images,
        vectors.labels[1][own],
        fold.held_out,
        np.array([place[target] for target in targets]),
        acceptable[:, own],
    )
    literal = [record.literal[0] for record in test.records]
    captions = vectors.of(literal)
    found = retrieve(vectors.images, captions, np.arange(len(test)), same_texts(literal))
    columns = (among_all.accepted, among_own.accepted, found.hits("image_to_text", 10))
    names = (ALL, OWN, CAPTION)
    return {name: np.asarray(c, float) for name, c in zip(names, columns, strict=True)}


def trained(start: GlassModel, fold: Fold, changes: dict[str, Any], seed: int) -> GlassModel:
    """A copy of the model, trained on what a fold leaves, with the weights of its last step."""
    model = copy.deepcopy(start)
    with tempfile.TemporaryDirectory() as out:
        settings = {**changes, "seed": seed, "out": out, "tracker": "none", "device": "cpu"}
        train(TrainConfig.load(None, **settings), dataset=fold.train, model=model)
    return model.eval()


def shares(found: dict[str, dict[str, np.ndarray]], concepts: np.ndarray) -> list[str]:
    """Table: mean and 95% interval of every measure over the (n,) concepts of the pictures."""
    lines = [f"| recipe | {ALL} | {OWN} | {CAPTION} |", "| --- | ---: | ---: | ---: |"]
    for name, of in found.items():
        cells = []
        for values in of.values():
            low, high = interval(values, clusters=concepts) or (np.nan, np.nan)
            cells.append(f"{values.mean():.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def gains(found: dict[str, dict[str, np.ndarray]], base: str, concepts: np.ndarray) -> list[str]:
    """Table: paired differences of every measure to one recipe, each with its p."""
    heads = " | ".join(f"{name}, over {base}" for name in (ALL, OWN, CAPTION))
    lines = [f"| recipe | {heads} |", "| --- | ---: | ---: | ---: |"]
    pairs = {
        (name, what): paired_difference(values, found[base][what], clusters=concepts)
        for name, of in found.items()
        if name != base
        for what, values in of.items()
    }
    adjusted = dict(zip(pairs, holm([gain.p for gain in pairs.values()]), strict=True))
    for name in dict.fromkeys(name for name, _ in pairs):
        cells = [
            "{difference:+.3f} ({low:+.3f} to {high:+.3f})".format(**pairs[name, what].as_dict())
            + f", p {adjusted[name, what]:.4f}"
            for what in (ALL, OWN, CAPTION)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


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
    concepts: list[np.ndarray] = []
    for fold in unseen_folds(data if given.split is None else data.split(given.split), given.folds):
        parts["untrained"].append(measured(start, fold))
        concepts.append(fold.test.targets(1))
        for name, changes in recipes.items():
            runs = [
                measured(trained(start, fold, changes, seed), fold) for seed in range(given.seeds)
            ]
            parts[name].append({m: np.mean([run[m] for run in runs], axis=0) for m in runs[0]})
    found = {
        name: {m: np.concatenate([part[m] for part in of]) for m in (ALL, OWN, CAPTION)}
        for name, of in parts.items()
    }
    of = np.concatenate(concepts)
    tables = [shares(found, of), gains(found, "untrained", of), gains(found, "grouped", of)]
    print("\n\n".join("\n".join(lines) for lines in tables))


if __name__ == "__main__":
    main()
