"""Seen and unseen labels together: what do recipes do with labels that they never trained on?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.multilabel import LEAST, chance, rank_labels
from glasskit.evaluation.retrieval import retrieve, same_texts
from glasskit.evaluation.seen_unseen import SeenUnseen, area, harmonic_mean, right_at
from glasskit.evaluation.study import as_dict, markdown, train_recipe
from glasskit.evaluation.train_test_leaks import own_sentences, quotations
from glasskit.evaluation.unseen import (
    GROUPED,
    SHOWN,
    TRANSFER,
    Fold,
    crossed_folds,
    other_labels,
    transferred,
)
from glasskit.models import GlassModel, load_model
from glasskit.models.embedding import embed
from glasskit.models.glass_model import Progress
from glasskit.models.recognition import recognise_scores
from glasskit.models.standard import label_scores

PARTS, SHOWN_FOLDS = 5, 18

KEPT, LEFT, FIRST, AMONG = "AP, grouped", "AP, {}", "acceptable top-1", "top-1 of the fold's own"
SEEN, UNSEEN, H, AUSUC, RECALL = "seen", "unseen", "H", "AUSUC", "caption R@10"
COLUMNS = {
    KEPT: "mean average precision of labels that were grouped, their pictures ranked in their part",
    LEFT: "the same of the labels that were left out",
    FIRST: "the nearest of all labels is one of the picture's",
    AMONG: "the nearest of the labels left out is one of the picture's, where it has any",
    SEEN: "a trained label of the picture is ahead of all labels that are not the picture's",
    UNSEEN: "a label left out is",
    H: "harmonic mean of seen and unseen",
    AUSUC: "area under unseen against seen as a weight is taken off all trained labels",
    RECALL: "the literal caption is among the ten nearest of the part's",
}
"""What is measured, and what it says. Shares are means over the folds that ask a picture."""

Values = dict[str, np.ndarray]
"""Measure to (n,) numbers of n pictures or (1, c) of c labels; NaN: not asked."""


@dataclass(frozen=True, eq=False)
class Section:
    """One reading: what was asked, and what each recipe did."""

    title: str
    note: str
    outcomes: Mapping[str, Outcome]

    def markdown(self) -> str:
        """A heading, the note and the tables of `study.markdown`."""
        return f"## {self.title}\n\n{self.note}\n\n{markdown(self.outcomes)}"

    def as_dict(self) -> dict[str, Any]:
        """{"title", "note", "recipes": as of `study.as_dict`}."""
        return {"title": self.title, "note": self.note, "recipes": as_dict(self.outcomes)}


def unseen_study(
    dataset: GroupedDataset,
    recipes: Mapping[str, Mapping[str, Any]],
    *,
    model: str = "lite0-minilm",
    parts: int = PARTS,
    shown_folds: int = SHOWN_FOLDS,
    seeds: Sequence[int] = (0,),
    transfer: GroupedDataset | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Section]:
    """Train every recipe without each fold of labels, and measure seen and unseen labels.

    Args:
        dataset: its splits do not matter; every picture is tested.
        recipes: changes to TrainConfig by name; "untrained" is measured too.
        model: what every recipe starts from.
        parts: of the pictures; labels are dealt into as many folds, each tested on every part.
        shown_folds: folds of labels that are never shown, each tested on one part; 0: none. Small
            folds leave more pictures to train on. Not used where pictures have one label.
        seeds: runs of each recipe.
        transfer: another data set of the same pictures, by key, none of whose labels is grouped.
        keep: directory under which every run stays; by default none does.
        progress: called with (done, total) runs.

    Returns:
        by reading: GROUPED (where pictures have several labels), SHOWN and TRANSFER, as asked for.

    Raises:
        InputError: too few or too many folds, nothing left to train on, a leak, or a recipe that
            is no valid config.
    """
    first = GROUPED if dataset.several else SHOWN
    folds = [*crossed_folds(dataset, first, parts)]
    if dataset.several and shown_folds:
        folds += crossed_folds(dataset, SHOWN, parts, shown_folds)
    elsewhere = None if transfer is None else other_labels(transfer, dataset)
    start = load_model(model)
    total, done = len(folds) * len(recipes) * len(seeds), 0
    found: dict[str, dict[str, list[tuple[Fold, Values]]]] = {}
    for fold in folds:
        asked = [fold]
        if elsewhere is not None and fold.reading == first:
            moved = transferred(fold, elsewhere)
            asked += [moved] if len(moved.test) else []
            # So that no vocabulary word that is read is a name that will be asked for.
            known = replace(fold.train, concepts=fold.train.concepts + elsewhere.concepts)
            fold = replace(fold, train=known)
        for name, changes in {"untrained": None, **recipes}.items():
            runs = []
            for trained in _models(start, fold, name, changes, seeds, keep):
                runs.append([measured(trained, one) for one in asked])
                done += changes is not None
                if progress is not None:
                    progress(done, total)
            for one, values in zip(asked, zip(*runs, strict=True), strict=True):
                by_name = found.setdefault(one.reading, {})
                by_name.setdefault(name, []).append((one, _mean(values)))
    return {reading: _section(by_name, dataset, elsewhere) for reading, by_name in found.items()}


def measured(model: GlassModel, fold: Fold) -> Values:
    """What a model does with the tested pictures of a fold, by ``COLUMNS``."""
    test = fold.test
    vectors, carried = embed(model, test), test.carried(1)
    scores = label_scores(vectors.picture, vectors.concept)
    left = np.isin(test.labels(1), fold.left)
    right = test.acceptable(1)
    best = SeenUnseen.of(scores, carried, right, left)
    seen, unseen = right_at(best.below, best.above)
    precision = rank_labels(scores, carried, carried.sum(axis=0)).average_precision[None]
    same = same_texts([record.captions[0] for record in test.records])
    found = retrieve(vectors.picture, vectors.caption, np.arange(len(test)), same)
    return {
        KEPT: np.where(left, np.nan, precision),
        LEFT: np.where(left, precision, np.nan),
        FIRST: recognise_scores(scores, test.targets(1), right).accepted.astype(float),
        AMONG: best.among_unseen,
        SEEN: seen,
        UNSEEN: unseen,
        AUSUC: area(best.below, best.above),
        RECALL: found.hits("image_to_text", 10) if len(test) > 10 else np.full(len(test), np.nan),
    }


def _models(
    start: GlassModel,
    fold: Fold,
    name: str,
    changes: Mapping[str, Any] | None,
    seeds: Sequence[int],
    keep: Path | None,
) -> Iterator[GlassModel]:
    """A recipe trained on a fold, once a seed; without changes the model as it is."""
    if changes is None:
        yield start
        return
    for seed in seeds:
        label = f"{name} {fold.reading} {fold.number} part {fold.part} seed {seed}"
        place = None if keep is None else keep / label.replace(" ", "-")
        yield train_recipe(fold.train, start, {**changes, "seed": seed}, place)


def _mean(runs: Sequence[Values]) -> Values:
    """The mean of each measure over the runs that asked; NaN where none did."""
    out = {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        known = ~np.isnan(values)
        total, count = np.where(known, values, 0).sum(axis=0), known.sum(axis=0)
        out[name] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return out


def _section(
    found: Mapping[str, Sequence[tuple[Fold, Values]]],
    dataset: GroupedDataset,
    elsewhere: GroupedDataset | None,
) -> Section:
    """The folds of one reading put together: the mean over those of a part, then part by part."""
    folds = [fold for fold, _ in found["untrained"]]
    tests = {fold.part: fold.test for fold in folds}
    moved = elsewhere is not None and folds[0].reading == TRANSFER
    of = elsewhere if moved and elsewhere is not None else dataset
    cluster = dict(zip((record.key for record in of.records), of.clusters, strict=True))
    clusters = np.array([cluster[r.key] for test in tests.values() for r in test.records])
    reading = GROUPED if moved else folds[0].reading
    outcomes = {}
    for name, runs in found.items():
        by_part = [_mean([one for fold, one in runs if fold.part == part]) for part in tests]
        values = {key: np.concatenate([one[key] for one in by_part]) for key in by_part[0]}
        values[H] = harmonic_mean(values[SEEN], values[UNSEEN])
        shown = {
            key.format(reading): values[key]
            for key in ((LEFT, FIRST, RECALL) if moved else COLUMNS)
            if not np.isnan(values[key]).all()
        }
        outcomes[name] = Outcome(shown, clusters, of.cluster_by)
    if moved:
        title, note = (
            f"Transfer: trained on {dataset.name}, tested on {of.name}",
            _moved(dataset, of),
        )
    else:
        title, note = f"{reading.capitalize()}: {of.name}", _asked(folds, of)
    return Section(title, f"{note}\nChance of AP: {_chance(tests.values()):.3f}.", outcomes)


def _asked(folds: Sequence[Fold], dataset: GroupedDataset) -> str:
    """What was trained and asked, in words."""
    reading, parts = folds[0].reading, len({fold.part for fold in folds})
    kept = np.mean([len(fold.train) / (len(dataset) - len(fold.test)) for fold in folds])
    lines = [
        f"{len(dataset)} pictures in {parts} parts, {len({n for f in folds for n in f.left})} "
        f"labels in {len({fold.number for fold in folds})} folds; {len(folds)} runs of each "
        "recipe, each tested on a part of which it saw no picture."
    ]
    if reading == GROUPED:
        lines.append(
            "The fold's labels formed no group, and no recipe read their theme sentences; pictures "
            "that carry them were trained on."
        )
    else:
        lines.append(
            f"No training picture carries a label of the fold; {kept:.0%} of the training pictures "
            "remain."
        )
    if not dataset.several:
        lines.append("Pictures have one label: a label that is never grouped is never shown.")
    about = [f"- {key.format(reading)}: {text}" for key, text in COLUMNS.items()]
    return "\n".join([" ".join(lines), "", *about, ""])


def _moved(dataset: GroupedDataset, other: GroupedDataset) -> str:
    """What the labels of another data set have to do with those trained on, in words."""
    themes = own_sentences(other, other.labels(1))
    texts = [text for record in dataset.records for text in record.captions]
    read = {sentence for _, sentence in quotations(texts, themes)}
    return (
        f"The models of the first table are asked for {len(other.labels(1))} labels of "
        f"{other.name}, none of which is a label of {dataset.name}, on {len(other)} pictures that "
        f"they were not trained on. Of {len(set(themes))} theme sentences of these labels "
        f"{len(read)} are captions of {dataset.name} too, without the label."
    )


def _chance(tests: Collection[GroupedDataset]) -> float:
    """Mean average precision of random rankings."""
    found = [
        chance(often[often >= LEAST], len(test))
        for test in tests
        for often in [test.carried(1).sum(axis=0)]
    ]
    return float(np.concatenate(found).mean())
