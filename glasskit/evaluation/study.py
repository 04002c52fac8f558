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
from glasskit.evaluation.intervals import (
    Difference,
    holm,
    interval,
    interval_note,
    paired_difference,
    units,
)
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


TITLES = {
    "clip": "CLIP loss, literal captions",
    "clip on all captions": "CLIP loss, all captions",
    "grouped": "**grouped loss**",
}
BASES = ("untrained", "clip", "clip on all captions", "grouped")
"""What every other recipe is compared with, where it was measured."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a recipe did with each picture, averaged over seeds.

    Args:
        values: {measure: (n,) shares}; NaN where a picture has no such measure.
        clusters: (n,) label of each picture's cluster; None: all are independent.
        cluster_by: what a cluster is, see ``GroupedDataset.cluster_by``.
    """

    values: dict[str, np.ndarray]
    clusters: np.ndarray | None = None
    cluster_by: str = "picture"

    @property
    def measures(self) -> list[str]:
        """Those that any picture has."""
        return [name for name in MEASURES if not np.isnan(self.values[name]).all()]

    @property
    def cluster_count(self) -> int:
        """How many clusters the pictures are of."""
        return len(np.unique(self._clusters))

    @property
    def _clusters(self) -> np.ndarray:
        return np.arange(len(self.values["top-1"])) if self.clusters is None else self.clusters

    def share(self, measure: str) -> float:
        """The mean over pictures."""
        return float(np.nanmean(self.values[measure]))

    def interval(self, measure: str) -> list[float] | None:
        """95% interval of the mean, over clusters; None where there is only one."""
        values = self.values[measure]
        known = ~np.isnan(values)
        return interval(values[known], clusters=self._clusters[known])

    def gain(self, other: Outcome, measure: str) -> Difference:
        """Paired difference to another recipe on the same pictures."""
        mine, theirs = self.values[measure], other.values[measure]
        known = ~np.isnan(mine)
        return paired_difference(mine[known], theirs[known], clusters=self._clusters[known])


@dataclass(frozen=True)
class Comparison:
    """One recipe less another on one measure; p_holm is p after Holm's correction over all."""

    name: str
    base: str
    measure: str
    gain: Difference
    p_holm: float


def comparisons(outcomes: Mapping[str, Outcome]) -> list[Comparison]:
    """Every recipe against each of ``BASES``, on every measure, as one family of tests."""
    bases = [base for base in BASES if base in outcomes]
    found = [
        (name, base, measure_name, outcomes[name].gain(outcomes[base], measure_name))
        for number, base in enumerate(bases)
        for name in outcomes
        if name not in bases[: number + 1]
        for measure_name in outcomes[base].measures
    ]
    adjusted = holm([gain.p for *_, gain in found])
    return [Comparison(*one, p) for one, p in zip(found, adjusted, strict=True)]


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
    of = dict(zip((record.key for record in dataset.records), dataset.clusters, strict=True))
    tested = [part.split("test") for part in parts]
    clusters = np.array([of[record.key] for test in tested for record in test.records])
    total = len(parts) * len(seeds) * len(recipes)
    runs: dict[str, list[list[dict[str, np.ndarray]]]] = {"untrained": []}
    done = 0
    for fold, (part, test) in enumerate(zip(parts, tested, strict=True)):
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
    return {name: joined(scores, clusters, tested[0].cluster_by) for name, scores in runs.items()}


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


def joined(
    parts: list[list[dict[str, np.ndarray]]],
    clusters: np.ndarray | None = None,
    cluster_by: str = "picture",
) -> Outcome:
    """Mean over seeds, folds joined; clusters of the pictures in the order of the folds."""
    return Outcome(
        {
            name: np.concatenate([np.mean([s[name] for s in seeds], axis=0) for seeds in parts])
            for name in MEASURES
        },
        clusters,
        cluster_by,
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
    """Two tables: shares with 95% intervals, and paired differences with their tests."""
    first = next(iter(outcomes.values()))
    measures = first.measures
    head = "| | " + " | ".join(measures) + " |\n| --- |" + " ---: |" * len(measures)
    lines = [interval_note(first.cluster_count, first.cluster_by) + ".", "", head]
    for name, outcome in outcomes.items():
        cells = (f"{_share(outcome.share(m))}{_spread(outcome.interval(m))}" for m in measures)
        lines.append(f"| {TITLES.get(name, name)} | {' | '.join(cells)} |")
    found = comparisons(outcomes)
    if not found:
        return "\n".join(lines)
    over = units(first.cluster_count, first.cluster_by)
    lines += [
        "",
        f"Paired differences, their 95% intervals, and p of the sign-flip test over {over}, after "
        f"Holm's correction over the {len(found)} tests of this table.",
        "",
        head,
    ]
    rows: dict[str, list[str]] = {}
    for one in found:
        title = " less ".join(TITLES.get(name, name).strip("*") for name in (one.name, one.base))
        gain, ends = one.gain, (one.gain.low, one.gain.high)
        spread = "" if None in ends else f" ({_change(gain.low)} to {_change(gain.high)})"
        cell = f"{_change(gain.difference)}{spread}, p {_share(one.p_holm, 4)}"
        rows.setdefault(title, []).append(cell)
    lines += [f"| {title} | {' | '.join(cells)} |" for title, cells in rows.items()]
    return "\n".join(lines)


def as_dict(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """Shares, intervals and paired differences by recipe and measure.

    "gain" is over the untrained model; "against" has all of ``comparisons`` with ``p_holm``.
    """
    base = outcomes["untrained"]
    out: dict[str, Any] = {
        name: {
            measure_name: {
                "share": outcome.share(measure_name),
                "ci95": outcome.interval(measure_name),
                "clusters": {"n": outcome.cluster_count, "by": outcome.cluster_by},
                "gain": outcome.gain(base, measure_name).as_dict(),
                "against": {},
            }
            for measure_name in outcome.measures
        }
        for name, outcome in outcomes.items()
    }
    for one in comparisons(outcomes):
        found = one.gain.as_dict() | {"p_holm": one.p_holm}
        out[one.name][one.measure]["against"][one.base] = found
    return out


def _share(value: float, digits: int = 3) -> str:
    """A share without the nought before its point."""
    return f"{value:.{digits}f}".removeprefix("0")


def _spread(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f" ({_share(ends[0])} to {_share(ends[1])})"


def _change(value: float) -> str:
    """A difference of shares with its sign, without the nought before its point."""
    return f"{value:+.3f}".replace("0.", ".", 1)


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
