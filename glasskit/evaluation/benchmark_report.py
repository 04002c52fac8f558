"""Models side by side on benchmarks: one table each, and paired differences to the first model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glasskit.data import load_dataset
from glasskit.data.images import picture_name
from glasskit.errors import InputError
from glasskit.evaluation.benchmarks import check_benchmark, run_benchmark
from glasskit.evaluation.intervals import holm
from glasskit.evaluation.label_benchmark import shifted_labels
from glasskit.evaluation.report import short_names
from glasskit.evaluation.score import Score
from glasskit.io.terminal import ends_text, number_text
from glasskit.io.text_files import counted, split_names
from glasskit.models import load_model
from glasskit.models.lite0 import TRAINED, TRAINED_RUN
from glasskit.models.loading import read_config

if TYPE_CHECKING:
    from glasskit.models.glass_model import Progress

Scores = Mapping[str, Score]


class Asked(NamedTuple):
    """A benchmark with its DATA and its folder of pictures, as ``run_benchmark`` takes them."""

    name: str
    data: Path
    images: Path | None = None


class Section(NamedTuple):
    """One benchmark.

    Attributes:
        rows: measure by measure and model by model, {"measure", "model"} with the numbers of
            ``Score.as_dict`` and, below the first model, those of ``Difference`` and "p_holm".
        notes: what a reader must know.
    """

    title: str
    rows: list[dict[str, Any]]
    notes: list[str]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows as people read them; of one model without its name and difference."""
        first = self.rows[0]["model"]
        one_model = all(row["model"] == first for row in self.rows)
        columns = ["measure", "model", "items", "value", "95% interval", "chance"]
        columns += ["without pictures", f"less {first}", "p after Holm"]
        cells = []
        for row in self.rows:
            numbers = [number_text(row[key]) for key in ("value", "chance", "blind")]
            numbers.insert(1, ends_text(row["ci95"]))
            change, p = "-", "-"
            if "p" in row:
                ends = ends_text((row["low"], row["high"]), "+.3f")
                change, p = f"{row['difference']:+.3f} ({ends})", f"{row['p_holm']:.4f}"
            cells.append([row["measure"], row["model"], str(row["n"]), *numbers, change, p])
        shown = [0, *range(2, 7)] if one_model else range(len(columns))
        return [columns[i] for i in shown], [[row[i] for i in shown] for row in cells]


def benchmark_report(
    asked: Sequence[Asked],
    models: Sequence[str],
    *,
    unseen: bool = False,
    progress: Progress | None = None,
) -> list[Section]:
    """Measure models on benchmarks; each model is compared with the first.

    ``labels`` has a row more, the first model with its names shifted (`label_benchmark.shifted`).

    Args:
        asked: what to measure.
        models: names or runs for ``load_model``; several with commas between, such as the seeds of
            a recipe, are one row, in which an item has the mean of what they gave.
        unseen: leave out pictures that one of the models was trained on.
        progress: called with (done, total) pictures.

    Raises:
        InputError: what ``run_benchmark`` and ``load_model`` raise; two models of one name; no
            picture is left; the data set that a run was trained on can't be read.
    """
    for one in asked:
        check_benchmark(one.name, one.images)
    runs = dict(zip(_shown(models), map(split_names, models), strict=True))
    trained = {shown: frozenset().union(*map(trained_on, own)) for shown, own in runs.items()}
    found: list[dict[str, Scores]] = [{} for _ in asked]
    for shown, own in runs.items():
        loaded = [load_model(run) for run in own]
        for (name, data, images), of_all in zip(asked, found, strict=True):
            each = [run_benchmark(name, m, data, images, progress=progress) for m in loaded]
            of_all[shown] = _mean(each)
            if name == "labels" and len(of_all) == 1:
                dataset = load_dataset(data, images)
                of_all[f"{shown}, names shifted"] = shifted_labels(loaded[0], dataset)
    return [_section(one, of, trained, unseen) for one, of in zip(asked, found, strict=True)]


def markdown(sections: Iterable[Section]) -> str:
    """The report as Markdown: a table a benchmark, its notes below."""
    lines = ["# Benchmarks", ""]
    for section in sections:
        columns, rows = section.table()
        named = columns.index("items")
        lines += [f"## {section.title}", "", f"| {' | '.join(columns)} |"]
        lines += ["|" + " --- |" * named + " ---: |" * (len(columns) - named)]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines += ["", *(f"- {note}" for note in section.notes), ""]
    return "\n".join(lines)


def trained_on(model: str) -> frozenset[str]:
    """Names of the pictures that a run was trained on: the train split that its config names.

    Empty for a model that is no run: what pretrained towers have seen is not known here.

    Raises:
        InputError: the data set is no longer where it was.
    """
    folder = TRAINED_RUN if model == TRAINED else Path(model)
    settings = read_config(folder).get("training") if folder.is_dir() else None
    if not settings:
        return frozenset()
    data = load_dataset(settings["dataset"], settings.get("images"))
    return frozenset(picture_name(record.key)[0] for record in data.split("train").records)


def _shown(models: Sequence[str]) -> list[str]:
    """The name of each row; InputError where one has none or two are the same."""
    rows = [split_names(model) for model in models]
    if not all(rows):
        raise InputError("model: give a name, a run, or several with commas between")
    names = [
        f"{name}, mean of {len(own)} runs" if len(own) > 1 else name
        for name, own in zip(short_names([own[0] for own in rows]), rows, strict=True)
    ]
    if len(set(names)) < len(names):
        raise InputError(f"model: {max(names, key=names.count)} comes twice")
    return names


def _mean(runs: Sequence[Scores]) -> Scores:
    """Scores whose items have the mean of several runs."""
    out = dict(runs[0])
    for measure, score in out.items() if len(runs) > 1 else ():
        for part in ("values", "blind"):
            if getattr(score, part) is not None:
                each = [np.asarray(getattr(one[measure], part), float) for one in runs]
                out[measure] = replace(out[measure], **{part: np.mean(each, axis=0)})
    return out


def _section(
    asked: Asked, found: Mapping[str, Scores], trained: Mapping[str, frozenset[str]], unseen: bool
) -> Section:
    """Rows with paired differences; all tests of the table are one family under Holm's rule."""
    scores = [score for of_model in found.values() for score in of_model.values()]
    pictures = frozenset(name for score in scores for name in _pictures(score))
    notes = list(dict.fromkeys(score.note for score in scores if score.note))
    for shown, own in trained.items():
        if pictures & own:
            of = f"{len(pictures & own)} of the {len(pictures)} pictures"
            left = "they are left out" if unseen else "--unseen leaves them out"
            notes.append(f"{shown} was trained on {of}; {left}")
    gone = pictures & frozenset().union(*trained.values()) if unseen else frozenset()
    kept = {shown: _without(of_model, gone) for shown, of_model in found.items()}
    (first, base), *others = kept.items()
    if not base:
        raise InputError(f"{asked.name}: each of its pictures is one that a model was trained on")
    changes = {
        (key, shown): score.less(base[key]) for shown, of in others for key, score in of.items()
    }
    adjusted = dict(zip(changes, holm([one.p for one in changes.values()]), strict=True))
    rows = []
    for pair in ((key, shown) for key in base for shown in kept):
        change = changes[pair].as_dict() | {"p_holm": adjusted[pair]} if pair in changes else {}
        names = dict(zip(("measure", "model"), pair, strict=True))
        rows.append(names | kept[pair[1]][pair[0]].as_dict() | change)
    if others:
        over = f"Holm's correction over the {counted(len(changes), 'test')} of this table"
        notes.append(f"differences are to {first}; p of the paired sign-flip test after {over}")
    return Section(f"{asked.name}: {asked.data.name}", rows, notes)


def _pictures(score: Score) -> list[str]:
    """The picture of each item as `picture_name` has it; none where clusters are no pictures."""
    named = score.clusters.dtype.kind == "U"
    return [picture_name(key)[0] for key in score.clusters] if named else []


def _without(scores: Scores, gone: frozenset[str]) -> Scores:
    """Scores of the items whose pictures are not gone; what has none or can't tell goes too."""
    if not gone:
        return scores
    marks = {key: np.array([p not in gone for p in _pictures(of)]) for key, of in scores.items()}
    return {key: scores[key].where(mark) for key, mark in marks.items() if mark.any()}
