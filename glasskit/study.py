"""Recipes held against each other on the same pictures: cross-validated or train to test.

A recipe is a set of changes to TrainConfig. Every recipe trains on the same records, from the same
untrained model, with the same seeds, and is measured on the same pictures that it never trained on.

r recipes, s seeds, n pictures.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.data import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.evaluate import Evaluation, measure
from glasskit.evaluation.intervals import Difference, interval, paired_difference
from glasskit.models import GlassModel, load_model
from glasskit.models.glass_model import Progress
from glasskit.models.loading import trained_copy
from glasskit.training import TrainConfig, train

MEASURES = ("top-1", "acceptable top-1", "top-5", "caption R@10", "caption > negation")

RECIPES: dict[str, dict[str, Any]] = {
    "clip": {"objective": "clip"},
    "clip on all captions": {"objective": "clip", "paraphrase_weight": 1.0, "theme_weight": 1.0},
    "grouped": {"objective": "grouped"},
    "joint": {"objective": "joint"},
}
"""What a study trains where nothing else is named; "untrained" is always measured too."""

FIELD = {
    name: {"objective": name}
    for name in (
        "clip",
        "siglip",
        "unicl",
        "mv-dhel",
        "semclip",
        "c2lip",
        "grouped",
        "grouped-centroid",
        "grouped-leave-one-out",
        "joint",
    )
}
"""The recipe `field`: the objectives of the field against the three forms of CLEAR GLASS."""
FIELD["c2lip"]["xac_weight"] = 0.0  # its other term asks for patches, and so for the pictures


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a recipe did with each picture, averaged over seeds.

    Args:
        values: {measure: (n,) shares}; NaN where a picture has no such measure.
    """

    values: dict[str, np.ndarray]

    def share(self, measure: str) -> float:
        """The mean over pictures."""
        return float(np.nanmean(self.values[measure]))

    def interval(self, measure: str) -> list[float]:
        """95% bootstrap interval of the mean, over pictures."""
        values = self.values[measure]
        return interval(values[~np.isnan(values)])

    def gain(self, other: Outcome, measure: str) -> Difference:
        """Paired difference to another recipe on the same pictures."""
        mine, theirs = self.values[measure], other.values[measure]
        known = ~np.isnan(mine)
        return paired_difference(mine[known], theirs[known])


def study(
    dataset: GroupedDataset,
    recipes: Mapping[str, Mapping[str, Any]] = RECIPES,
    *,
    model: str = "lite0-minilm",
    folds: int = 0,
    seeds: Sequence[int] = (0,),
    keep: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Outcome]:
    """Train and measure every recipe; "untrained" comes first in the result.

    Args:
        dataset: with train and test splits.
        recipes: changes to TrainConfig by name.
        model: what every recipe starts from.
        folds: parts of a stratified cross-validation over all records; 0: train to test.
        seeds: runs of each recipe.
        keep: directory under which every run stays, as NAME, NAME-seed1, ...; by default none does.
        progress: called with (done, total) runs.

    Raises:
        InputError: a recipe is no valid config, or there are fewer than 2 folds.
    """
    if folds == 1 or folds < 0:
        raise InputError(f"folds: {folds} is not allowed; give 0 (train to test) or 2 or more")
    start = load_model(model)
    parts = list(cross_validation(dataset, folds) if folds else [dataset])
    total = len(parts) * len(seeds) * len(recipes)
    runs: dict[str, list[list[dict[str, np.ndarray]]]] = {"untrained": []}
    done = 0
    for fold, part in enumerate(parts):
        test = part.split("test")
        runs["untrained"].append([_values(measure(start, test))])
        for name, changes in recipes.items():
            scores = []
            for seed in seeds:
                label = name + (f"-seed{seed}" if seed else "") + (f"-fold{fold}" if fold else "")
                place = None if keep is None else keep / label.replace(" ", "-")
                trained = _train(part, start, {**changes, "seed": seed}, place)
                scores.append(_values(measure(trained, test)))
                done += 1
                if progress is not None:
                    progress(done, total)
            runs.setdefault(name, []).append(scores)
    return {name: joined(scores) for name, scores in runs.items()}


def _train(
    part: GroupedDataset, start: GlassModel, changes: Mapping[str, Any], place: Path | None
) -> GlassModel:
    """A copy of the model, trained in a run directory that stays only where one is named."""
    with tempfile.TemporaryDirectory() as folder:
        out = place or Path(folder) / "run"
        named = {"dataset": part.name, **changes}
        config = TrainConfig.load(None, **named, out=str(out), tracker="none", overwrite=True)
        train(config, dataset=part, model=copy.deepcopy(start))
        return trained_copy(start, out)  # the best epoch; what was trained ends with the last


def _values(result: Evaluation) -> dict[str, np.ndarray]:
    """(n,) numbers by measure."""
    level1 = result.concepts["level1"]
    top5 = level1.within(5)
    negation = np.full(result.n, np.nan)
    negation[result.negation_rows] = result.negation
    columns = (
        level1.correct,
        level1.accepted,
        level1.correct if top5 is None else top5,
        result.retrieval.hits("image_to_text", 10),
        negation,
    )
    return {n: np.asarray(c, float) for n, c in zip(MEASURES, columns, strict=True)}


def joined(parts: list[list[dict[str, np.ndarray]]]) -> Outcome:
    """Mean over seeds, folds joined."""
    return Outcome(
        {
            name: np.concatenate([np.mean([s[name] for s in seeds], axis=0) for seeds in parts])
            for name in MEASURES
        }
    )


def cross_validation(dataset: GroupedDataset, k: int, seed: int = 0) -> Iterator[GroupedDataset]:
    """The data set k times; each record is in the test split once, concepts spread evenly."""
    if k > len(dataset):
        raise InputError(f"folds: {k} is more than the {len(dataset)} records")
    rng = np.random.default_rng(seed)
    place = np.empty(len(dataset), dtype=np.int64)
    for members in dataset.groups().values():
        # A random start for each concept, or the small ones would all fall into the first folds.
        place[rng.permutation(members)] = (np.arange(len(members)) + rng.integers(k)) % k
    for fold in range(k):
        yield replace(
            dataset,
            records=tuple(
                replace(record, split="test" if at == fold else "train")
                for record, at in zip(dataset.records, place, strict=True)
            ),
        )


def markdown(outcomes: Mapping[str, Outcome]) -> str:
    """A table: shares with 95% intervals, and paired gains over the untrained model."""
    lines = ["| recipe | " + " | ".join(MEASURES) + " |", "| --- |" + " ---: |" * len(MEASURES)]
    for name, outcome in outcomes.items():
        cells = []
        for measure_name in MEASURES:
            low, high = outcome.interval(measure_name)
            cells.append(f"{outcome.share(measure_name):.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_dict(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Shares, intervals and paired gains over the untrained model, by recipe and measure."""
    base = outcomes["untrained"]
    return {
        name: {
            measure_name: {
                "share": outcome.share(measure_name),
                "ci95": outcome.interval(measure_name),
                "gain": outcome.gain(base, measure_name).as_dict(),
            }
            for measure_name in MEASURES
        }
        for name, outcome in outcomes.items()
    }


def choose(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Recipes by name: of RECIPES or FIELD, `field` for all of FIELD, or any objective as it is.

    Raises:
        InputError: a name that is neither.
    """
    from glasskit.losses.objectives import OBJECTIVES

    chosen: dict[str, dict[str, Any]] = {}
    known = {name: {"objective": name} for name in OBJECTIVES} | RECIPES | FIELD
    for name in names:
        if name != "field" and name not in known:
            raise InputError(f"no recipe {name!r}; choose among field, {', '.join(known)}")
        chosen |= FIELD if name == "field" else {name: known[name]}
    return chosen
