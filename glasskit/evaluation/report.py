"""What a report says: models side by side, what changed, and examples.

`glasskit.plots.report` makes a page, Markdown or JSON of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.comparison import (
    ConceptChange,
    Flip,
    Table,
    compare,
    concept_changes,
    confusions,
    flips,
)
from glasskit.evaluation.evaluate import Evaluation, measure
from glasskit.evaluation.study_file import StudySection
from glasskit.io.pictures import data_url

if TYPE_CHECKING:
    from glasskit.models.glass_model import Progress

THUMBNAIL = 280
"""Longest side of an example's picture, in pixels."""


@dataclass(frozen=True)
class Changed:
    """What one model changed against the baseline."""

    name: str
    concepts: list[ConceptChange]
    gained: list[Flip]
    lost: list[Flip]
    confusions: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Report:
    """The comparison, ready to be written.

    Args:
        dataset: its name. n: pictures. credits: whom to name for the pictures.
        table: the main table; its first model is the baseline.
        evaluations: the JSON of ``evaluate`` by model.
        changed: one for each model after the first.
        captions: literal caption of each record that is shown.
        thumbnails: data URI of each record that is shown, where its picture is here.
        picture_note: why there are no pictures, or "".
        unseen: readings of a study of seen and unseen labels, or none.
    """

    dataset: str
    n: int
    credits: str
    table: Table
    evaluations: dict[str, dict[str, Any]]
    changed: list[Changed]
    captions: dict[int, str]
    thumbnails: dict[int, str]
    picture_note: str
    unseen: Sequence[StudySection] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON of the report, without pictures."""
        cells = {
            name: {m.key: asdict(self.table.cell(name, m)) for m in self.table.measures}
            for name in self.table.names
        }
        changed = [
            {
                "name": one.name,
                "concepts": [asdict(c) | {"change": c.change} for c in one.concepts],
                "gained": [asdict(f) | {"caption": self.captions[f.index]} for f in one.gained],
                "lost": [asdict(f) | {"caption": self.captions[f.index]} for f in one.lost],
                "confusions": one.confusions,
            }
            for one in self.changed
        ]
        return {
            "dataset": self.dataset,
            "n": self.n,
            "clusters": {"n": self.table.clusters, "by": self.table.cluster_by},
            "baseline": self.table.names[0],
            "measures": [{"key": m.key, "title": m.title} for m in self.table.measures],
            "models": cells,
            "changed": changed,
            "evaluations": self.evaluations,
            "unseen": [section.model_dump() for section in self.unseen],
        }


def build_report(
    entries: Sequence[Any],
    dataset: GroupedDataset,
    *,
    unseen: Sequence[StudySection] = (),
    progress: Progress | None = None,
) -> Report:
    """Measure models on a data set and compare each with the first one.

    Args:
        entries: models, names or run directories for ``load_model``, or (name to show, one of
            those). The first is the baseline of every comparison, usually the untrained model. A
            run is shown as the last part of its path, where no other one ends so.
        dataset: what to measure on, usually ``dataset.split("test")``.
        unseen: readings of a study of seen and unseen labels, shown below the models.
        progress: called with (models done, models).

    Raises:
        InputError: no models, two of the same name, or what ``load_model`` and ``evaluate`` raise.
    """
    from glasskit.models import load_model

    pairs = [entry if isinstance(entry, tuple) else (None, entry) for entry in entries]
    given = [shown or (str(m) if isinstance(m, str | Path) else m.name) for shown, m in pairs]
    names = short_names(given)
    named = []
    for number, (name, (_, model)) in enumerate(zip(names, pairs, strict=True), start=1):
        if isinstance(model, str | Path):
            model = load_model(model)
        named.append((name, measure(model, dataset)))
        if progress is not None:
            progress(number, len(entries))
    return report_evaluations(named, dataset, unseen)


def report_evaluations(
    named: Sequence[tuple[str, Evaluation]],
    dataset: GroupedDataset,
    unseen: Sequence[StudySection] = (),
) -> Report:
    """The report of evaluations that are there already, all of the same records."""
    if any(evaluation.n != len(dataset) for _, evaluation in named):
        raise InputError("a report compares models on the same pictures; these are of others")
    table = compare(named)
    first = named[0][1]
    changed = []
    for name, evaluation in named[1:]:
        gained, lost = flips(first, evaluation)
        concepts = concept_changes(first, evaluation)
        changed.append(Changed(name, concepts, gained, lost, confusions(evaluation)))
    shown = sorted({flip.index for one in changed for flip in (*one.gained, *one.lost)})
    thumbnails, note = _thumbnails(dataset, shown)
    return Report(
        dataset=dataset.name,
        n=len(dataset),
        credits=dataset.credits,
        table=table,
        evaluations={name: evaluation.as_dict() for name, evaluation in named},
        changed=changed,
        captions={i: dataset.records[i].literal[0] for i in shown},
        thumbnails=thumbnails,
        picture_note=note,
        unseen=unseen,
    )


def short_names(given: list[str]) -> list[str]:
    """Names to show: a directory by the last part of its path, if that tells it from the others."""
    short = [Path(name).resolve().name if Path(name).is_dir() else name for name in given]
    return [a if short.count(a) == 1 else name for a, name in zip(short, given, strict=True)]


def _thumbnails(dataset: GroupedDataset, shown: Sequence[int]) -> tuple[dict[int, str], str]:
    """Small JPEGs as data URIs; where a picture is not here, the reason instead of any picture."""
    out = {}
    for index in shown:
        try:
            picture = dataset.image(index)
        except InputError as error:
            return {}, str(error)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        out[index] = data_url(picture, "JPEG")
    return out, ""
