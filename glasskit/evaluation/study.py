"""Recipes held against each other on the same pictures: cross-validated or train to test.

A recipe is a set of changes to TrainConfig. Every recipe trains on the same records, from the same
untrained model, with the same seeds, and is measured on the same pictures that it never trained on.

r recipes, s seeds, n pictures.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.data import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation import comparison
from glasskit.evaluation.comparison import Comparison, Outcome
from glasskit.evaluation.evaluate import measure
from glasskit.evaluation.intervals import interval_note, units
from glasskit.models import GlassModel, load_model
from glasskit.models.glass_model import Progress
from glasskit.models.loading import trained_copy
from glasskit.training import TrainConfig, train

MEASURES = {
    "top-1": "top1",
    "acceptable top-1": "acceptable_top1",
    "top-5": "top5",
    "mean AP": "map",
    "caption R@10": "image_to_text_r10",
    "caption > negation": "caption_over_negation",
}
"""What is compared, as it is shown, and its key among ``comparison.MEASURES``."""

RECIPES: dict[str, dict[str, Any]] = {
    "clip": {"objective": "clip"},
    "clip on all captions": {"objective": "clip", "paraphrase_weight": 1.0, "theme_weight": 1.0},
    "grouped": {"objective": "grouped"},
    "grouped without words": {"objective": "grouped", "word_weight": 0.0},
    "joint": {"objective": "joint"},
}
"""What a study trains where nothing else is named; "untrained" is always measured too."""

FIELD: dict[str, dict[str, Any]] = {
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

EXTENSIONS: dict[str, dict[str, Any]] = {
    "joint with altered captions": {"objective": "joint", "instance": "negclip"},
    **{
        name: {"model": name, "mode": "full", "lr": 1e-3, "epochs": 16}
        for name in ("hiclip-small-plain", "hiclip-small")
    },
}
"""Beside CLEAR GLASS: hard negatives made by rule; hierarchy-aware attention and its control, two
models that are trained from scratch in the place of the study's own."""

TITLES = {
    "clip": "CLIP loss, literal captions",
    "clip on all captions": "CLIP loss, all captions",
    "grouped": "**grouped loss**",
}
BASES = ("untrained", "clip", "clip on all captions", "grouped", "hiclip-small-plain")
"""What every other recipe is compared with, where it was measured."""


def recipe_title(name: str) -> str:
    """The name of a recipe, as it is shown in a sentence."""
    return TITLES.get(name, name).strip("*")


def comparisons(outcomes: Mapping[str, Outcome], bases: Sequence[str] = BASES) -> list[Comparison]:
    """Every recipe against each of the bases, on every measure, as one family of tests."""
    bases = [base for base in bases if base in outcomes]
    pairs = [
        (name, base)
        for number, base in enumerate(bases)
        for name in outcomes
        if name not in bases[: number + 1]
    ]
    return comparison.comparisons(outcomes, pairs)


def study(
    dataset: GroupedDataset,
    recipes: Mapping[str, Mapping[str, Any]] = RECIPES,
    *,
    model: str = "lite0-minilm",
    folds: int = 0,
    fold: int = 0,
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
        fold: test on this one of them alone, counted from 1; 0: on each in turn.
        seeds: runs of each recipe.
        keep: directory under which every run stays, as NAME, NAME-seed1, ...; by default none does.
        progress: called with (done, total) runs.

    Raises:
        InputError: a recipe is no valid config, there are fewer than 2 folds, or not so many.
    """
    if folds == 1 or folds < 0:
        raise InputError(f"folds: {folds} is not allowed; give 0 (train to test) or 2 or more")
    if not 0 <= fold <= folds:
        raise InputError(f"fold: {fold} is not allowed; give 1 to {folds}, the number of folds")
    start = load_model(model)
    parts = list(cross_validation(dataset, folds) if folds else [dataset])
    parts = parts[fold - 1 : fold] if fold else parts
    of = dict(zip((record.key for record in dataset.records), dataset.clusters, strict=True))
    tested = [part.split("test") for part in parts]
    clusters = np.array([of[record.key] for test in tested for record in test.records])
    total = len(parts) * len(seeds) * len(recipes)
    runs: dict[str, list[Outcome]] = {"untrained": []}
    done = 0
    for number, (part, test) in enumerate(zip(parts, tested, strict=True)):
        runs["untrained"].append(Outcome.of(measure(start, test)))
        for name, changes in recipes.items():
            scores = []
            for seed in seeds:
                label = name + (f"-seed{seed}" if seed else "")
                label += f"-fold{number}" if number else ""
                place = None if keep is None else keep / label.replace(" ", "-")
                trained = train_recipe(part, start, {**changes, "seed": seed}, place)
                scores.append(Outcome.of(measure(trained, test)))
                done += 1
                if progress is not None:
                    progress(done, total)
            runs.setdefault(name, []).append(_joined(scores, np.mean))
    out = {}
    for name, folded in runs.items():
        values = _joined(folded, np.concatenate).values
        shown = {title: values[key] for title, key in MEASURES.items() if key in values}
        out[name] = Outcome(shown, clusters, dataset.cluster_by)
    return out


def train_recipe(
    part: GroupedDataset, start: GlassModel, changes: Mapping[str, Any], place: Path | None = None
) -> GlassModel:
    """A copy of the model, or of the one that the recipe names, trained.

    Its run directory stays only where one is named.
    """
    start = load_model(changes["model"]) if "model" in changes else start
    with tempfile.TemporaryDirectory() as folder:
        out = place or Path(folder) / "run"
        named = {"dataset": part.name, **changes}
        config = TrainConfig.load(None, **named, out=str(out), tracker="none", overwrite=True)
        train(config, dataset=part, model=copy.deepcopy(start))
        return trained_copy(start, out)  # the best epoch; what was trained ends with the last


def _joined(outcomes: Sequence[Outcome], join: Callable[..., np.ndarray]) -> Outcome:
    """The measures that all outcomes have, joined: the mean over seeds, or folds in a row."""
    values = {
        key: join([one.values[key] for one in outcomes], axis=0)
        for key in outcomes[0].values
        if all(key in one.values for one in outcomes)
    }
    return replace(outcomes[0], values=values)


def cross_validation(dataset: GroupedDataset, k: int, seed: int = 0) -> Iterator[GroupedDataset]:
    """The data set k times; each record is in the test split once, concepts spread evenly."""
    if k > len(dataset):
        raise InputError(f"folds: {k} is more than the {len(dataset)} records")
    rng = np.random.default_rng(seed)
    place = np.empty(len(dataset), dtype=np.int64)
    for members in dataset.strongest().groups().values():
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


def markdown(outcomes: Mapping[str, Outcome], bases: Sequence[str] = BASES) -> str:
    """Two tables: shares with 95% intervals, and paired differences from the bases with tests."""
    first = next(iter(outcomes.values()))
    labels = [name for name in first.values if first.over(name)[1] == "label"]
    but = "".join(f", of {name} over {units(*first.over(name))}" for name in labels)
    lines = [f"{interval_note(first.cluster_count, first.cluster_by)}{but}.", ""]
    rows: dict[str, list[str]] = {
        TITLES.get(name, name): [
            _share(one.share(m)) + _spread(_share, one.interval(m)) for m in first.values
        ]
        for name, one in outcomes.items()
    }
    lines += _table(first, rows)
    found = comparisons(outcomes, bases)
    if not found:
        return "\n".join(lines)
    over = units(first.cluster_count, first.cluster_by) + but
    lines += [
        "",
        f"Paired differences, their 95% intervals, and p of the sign-flip test over {over}, after "
        f"Holm's correction over the {len(found)} tests of this table.",
        "",
    ]
    rows = {}
    for one in found:
        title = " less ".join(map(recipe_title, (one.name, one.base)))
        spread = _spread(_change, (one.gain.low, one.gain.high))
        cell = f"{_change(one.gain.difference)}{spread}, p {_share(one.p_holm, 4)}"
        rows.setdefault(title, []).append(cell)
    return "\n".join(lines + _table(first, rows))


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
                "clusters": dict(zip(("n", "by"), outcome.over(measure_name), strict=True)),
                "gain": outcome.gain(base, measure_name).as_dict(),
                "against": {},
            }
            for measure_name in outcome.values
        }
        for name, outcome in outcomes.items()
    }
    for one in comparisons(outcomes):
        found = one.gain.as_dict() | {"p_holm": one.p_holm}
        out[one.name][one.measure]["against"][one.base] = found
    return out


def _table(first: Outcome, rows: Mapping[str, Sequence[str]]) -> list[str]:
    """Lines of a Markdown table with a column a measure."""
    lines = [f"| | {' | '.join(first.values)} |", "| --- |" + " ---: |" * len(first.values)]
    return lines + [f"| {title} | {' | '.join(cells)} |" for title, cells in rows.items()]


def _share(value: float, digits: int = 3) -> str:
    """A share without the nought before its point."""
    return f"{value:.{digits}f}".removeprefix("0")


def _change(value: float) -> str:
    """A difference of shares with its sign, without the nought before its point."""
    return f"{value:+.3f}".replace("0.", ".", 1)


def _spread(form: Callable[[float], str], ends: Sequence[float | None] | None) -> str:
    """An interval in brackets; nothing where there is none."""
    known = [form(end) for end in ends or () if end is not None]
    return f" ({' to '.join(known)})" if known else ""


def choose(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Recipes by name: of RECIPES, FIELD or EXTENSIONS, or any objective as it is.

    `field` stands for all of FIELD.

    Raises:
        InputError: a name that is neither.
    """
    from glasskit.losses.objectives import OBJECTIVES

    chosen: dict[str, dict[str, Any]] = {}
    known = {name: {"objective": name} for name in OBJECTIVES} | RECIPES | FIELD | EXTENSIONS
    for name in names:
        if name != "field" and name not in known:
            raise InputError(f"no recipe {name!r}; choose among field, {', '.join(known)}")
        chosen |= FIELD if name == "field" else {name: known[name]}
    return chosen
