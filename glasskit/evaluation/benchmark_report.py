"""Models side by side on benchmarks: one table each, and paired differences to the first model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glasskit.data import load_dataset
from glasskit.data.images import picture_name
from glasskit.errors import InputError
from glasskit.evaluation.benchmarks import check_benchmark, run_benchmark
from glasskit.evaluation.intervals import Difference, holm
from glasskit.evaluation.label_benchmark import shifted_labels
from glasskit.evaluation.report import short_names
from glasskit.evaluation.score import Score
from glasskit.io.text_files import counted, split_names
from glasskit.models import load_model
from glasskit.models.lite0 import TRAINED, TRAINED_RUN
from glasskit.models.loading import read_config

if TYPE_CHECKING:
    from glasskit.models.glass_model import Progress


class Asked(NamedTuple):
    """A benchmark with its DATA and its folder of pictures, as ``run_benchmark`` takes them."""

    name: str
    data: Path
    images: Path | None = None


@dataclass(frozen=True)
class Row:
    """One model on one measure.

    Args:
        score: of ``Score.as_dict``.
        change: paired difference to the first model; None for itself.
        p_holm: its p after Holm's correction over the table.
    """

    measure: str
    model: str
    score: dict[str, Any]
    change: Difference | None = None
    p_holm: float | None = None


@dataclass(frozen=True)
class Section:
    """One benchmark: its rows, measure by measure, and what a reader must know."""

    title: str
    rows: list[Row]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """JSON of the section; a row has the numbers of its score and of its difference."""
        rows = [
            {"measure": one.measure, "model": one.model, **one.score}
            | ({**one.change.as_dict(), "p_holm": one.p_holm} if one.change else {})
            for one in self.rows
        ]
        return {"title": self.title, "rows": rows, "notes": self.notes}

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows as people read them; of one model without its name and difference."""
        first = self.rows[0].model
        several = any(one.change for one in self.rows)
        columns = ["measure", "items", "value", "95% interval", "chance", "without pictures"]
        if several:
            columns = [columns[0], "model", *columns[1:], f"less {first}", "p after Holm"]
        rows = []
        for one in self.rows:
            found, change = one.score, one.change
            cells = [one.measure, one.model][: 1 + several]
            cells += [str(found["n"]), _number(found["value"]), _interval(found["ci95"])]
            cells += [_number(found[key]) for key in ("chance", "blind")]
            if several and change is None:
                cells += ["-", "-"]
            elif change is not None:
                ends = _interval((change.low, change.high), "+.3f")
                cells += [f"{change.difference:+.3f} ({ends})", f"{one.p_holm:.4f}"]
            rows.append(cells)
        return columns, rows


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
    found: list[dict[str, dict[str, Score]]] = [{} for _ in asked]
    for shown, own in runs.items():
        loaded = [load_model(run) for run in own]
        for one, of_all in zip(asked, found, strict=True):
            name, data, images = one
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
        lines += [f"## {section.title}", "", f"| {' | '.join(columns)} |"]
        named = columns.index("items")
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
    """The name of each row; InputError where two are the same."""
    firsts = [split_names(model) for model in models]
    if not all(firsts):
        raise InputError("model: give a name, a run, or several with commas between")
    names = [
        name if len(own) == 1 else f"{name}, mean of {len(own)} runs"
        for name, own in zip(short_names([own[0] for own in firsts]), firsts, strict=True)
    ]
    if len(set(names)) < len(names):
        raise InputError(f"model: {max(names, key=names.count)} comes twice")
    return names


def _mean(runs: Sequence[dict[str, Score]]) -> dict[str, Score]:
    """Scores whose items have the mean of several runs."""
    if len(runs) == 1:
        return runs[0]

    def mean(measure: str, part: str) -> Any:
        values = [getattr(one[measure], part) for one in runs]
        return None if values[0] is None else np.mean(np.asarray(values, float), axis=0)

    return {
        measure: replace(score, values=mean(measure, "values"), blind=mean(measure, "blind"))
        for measure, score in runs[0].items()
    }


def _section(
    asked: Asked,
    found: Mapping[str, Mapping[str, Score]],
    trained: Mapping[str, frozenset[str]],
    unseen: bool,
) -> Section:
    """Rows with paired differences; all tests of the table are one family under Holm's rule."""
    scores = [score for of_model in found.values() for score in of_model.values()]
    pictures = frozenset(name for score in scores for name in _pictures(score))
    notes = list(dict.fromkeys(score.note for score in scores if score.note))
    for shown, own in trained.items():
        if pictures & own:
            of = f"{len(pictures & own)} of the {len(pictures)} pictures"
            notes.append(f"{shown} was trained on {of}" + "; they are left out" * unseen)
    gone = pictures.intersection(frozenset().union(*trained.values())) if unseen else frozenset()
    kept = {shown: _without(of_model, gone) for shown, of_model in found.items()}
    (first, base), *others = kept.items()
    if not base:
        raise InputError(f"{asked.name}: each of its pictures is one that a model was trained on")
    changes = {
        (shown, key): score.less(base[key]) for shown, of in others for key, score in of.items()
    }
    adjusted = dict(zip(changes, holm([one.p for one in changes.values()]), strict=True))
    rows = [
        Row(
            key,
            shown,
            kept[shown][key].as_dict(),
            changes.get((shown, key)),
            adjusted.get((shown, key)),
        )
        for key in base
        for shown in kept
    ]
    if others:
        over = f"Holm's correction over the {counted(len(changes), 'test')} of this table"
        notes.append(f"differences are to {first}; p of the paired sign-flip test after {over}")
    return Section(f"{asked.name}: {asked.data.name}", rows, notes)


def _pictures(score: Score) -> list[str]:
    """The picture of each item as `picture_name` has it; none where clusters are no pictures."""
    named = score.clusters.dtype.kind == "U"
    return [picture_name(key)[0] for key in score.clusters] if named else []


def _without(scores: Mapping[str, Score], gone: frozenset[str]) -> Mapping[str, Score]:
    """Scores of the items whose pictures are not gone; what has none or can't tell goes too."""
    if not gone:
        return scores
    marks = {key: np.array([p not in gone for p in _pictures(of)]) for key, of in scores.items()}
    return {key: scores[key].where(mark) for key, mark in marks.items() if mark.any()}


def _number(value: float | None, form: str = ".3f") -> str:
    """Three digits, or a dash for what is not known."""
    return "-" if value is None else f"{value:{form}}"


def _interval(ends: Iterable[float | None] | None, form: str = ".3f") -> str:
    """Both ends, or a dash for what is not known."""
    known = [end for end in ends or () if end is not None]
    return " to ".join(_number(end, form) for end in known) or "-"
