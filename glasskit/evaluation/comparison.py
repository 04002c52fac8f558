"""Models side by side on the same pictures: shares, paired differences, Holm's correction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.evaluate import CAPTIONS, Evaluation
from glasskit.evaluation.intervals import Difference, holm, interval, paired_difference

ALPHA = 0.05
BETTER, WORSE, SAME = "better", "worse", ""


@dataclass(frozen=True)
class Measure:
    """One column of the table.

    Args:
        key: its name in the JSON. title: its heading. about: what it says, in one line.
        values: (n,) numbers from 0 to 1 of an evaluation, NaN for pictures that were not asked; or
            None where none was.
    """

    key: str
    title: str
    about: str
    values: Callable[[Evaluation], np.ndarray | None]


def _level1(pick: str) -> Callable[[Evaluation], np.ndarray | None]:
    def values(evaluation: Evaluation) -> np.ndarray | None:
        result = evaluation.concepts.get("level1")
        if result is None:
            return None
        return result.within(5) if pick == "top5" else getattr(result, pick)

    return values


def _hard(name: str, way: str) -> Callable[[Evaluation], np.ndarray | None]:
    def values(evaluation: Evaluation) -> np.ndarray | None:
        answers = evaluation.hard.get(name)
        if answers is None:
            return None
        asked = answers.questions[way].counts > 0
        return _spread(evaluation.n, answers.rows[asked], answers.correct[way][asked])

    return values


def _recall(way: str) -> Callable[[Evaluation], np.ndarray | None]:
    def values(evaluation: Evaluation) -> np.ndarray | None:
        ranks = evaluation.retrieval
        pool = ranks.text_to_image if way == "image_to_text" else ranks.image_to_text
        return ranks.hits(way, 10) if len(pool) > 10 else None

    return values


def _spread(n: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """(n,) the values of some records, NaN for the others; None where there are none."""
    if not len(rows):
        return None
    out = np.full(n, np.nan)
    out[rows] = values
    return out


MEASURES = (
    Measure("top1", "Concept top-1", "the own concept alone is first", _level1("correct")),
    Measure(
        "acceptable_top1",
        "Acceptable top-1",
        "a concept that a careful viewer accepts is first",
        _level1("accepted"),
    ),
    Measure("top5", "Concept top-5", "the own concept is among the first five", _level1("top5")),
    Measure(
        "hard_image_to_text",
        "Hard negatives, image to concept",
        "the own concept beats K easily confused ones",
        _hard("level1", "image_to_text"),
    ),
    Measure(
        "hard_text_to_image",
        "Hard negatives, concept to image",
        "the picture beats K pictures of easily confused concepts",
        _hard("level1", "text_to_image"),
    ),
    Measure(
        "hard_captions",
        "Hard negatives, captions",
        "the own caption beats K captions of easily confused concepts",
        _hard(CAPTIONS, "image_to_text"),
    ),
    Measure(
        "image_to_text_r10",
        "Caption R@10",
        "the literal caption is among the ten nearest of all",
        _recall("image_to_text"),
    ),
    Measure(
        "text_to_image_r10",
        "Picture R@10",
        "the picture is among the ten nearest to its literal caption",
        _recall("text_to_image"),
    ),
    Measure(
        "caption_over_negation",
        "Caption over negation",
        "the true caption is nearer than a false sentence",
        lambda one: _spread(one.n, one.negation_rows, one.negation),
    ),
)


@dataclass(frozen=True)
class Cell:
    """One model on one measure.

    Args:
        value: share from 0 to 1. ci95: its interval, None where all pictures are of one cluster.
        change: paired difference to the baseline; None for the baseline itself.
        p_holm: its p value after Holm's correction over the whole table.
        mark: "better", "worse" or "" at 5%.
    """

    value: float
    ci95: list[float] | None
    change: Difference | None = None
    p_holm: float | None = None
    mark: str = SAME

    def as_dict(self) -> dict[str, Any]:
        """JSON of the cell."""
        change = None if self.change is None else self.change.as_dict()
        return {
            "value": self.value,
            "ci95": self.ci95,
            "change": change,
            "p_holm": self.p_holm,
            "mark": self.mark,
        }


@dataclass(frozen=True)
class Table:
    """Cells by model and measure; the first model is the baseline of every comparison.

    Args:
        names, measures: rows and columns. cells: by (name, key of the measure).
        clusters, cluster_by: how many clusters the intervals and tests are over, and of what.
    """

    names: tuple[str, ...]
    measures: tuple[Measure, ...]
    cells: dict[tuple[str, str], Cell]
    clusters: int
    cluster_by: str

    def cell(self, name: str, measure: Measure) -> Cell:
        """The cell of a model."""
        return self.cells[name, measure.key]

    def worse(self, name: str) -> list[Measure]:
        """Measures on which a model is significantly worse than the baseline."""
        return [m for m in self.measures if self.cell(name, m).mark == WORSE]


def compare(named: Sequence[tuple[str, Evaluation]], *, seed: int = 0) -> Table:
    """Every model against the first, on every measure that the data allow.

    p values are of the sign-flip test of ``paired_difference``, over whole clusters of pictures;
    those of all (model, measure) pairs are one family under Holm's correction.

    Raises:
        InputError: no model, or two of the same name.
    """
    names = tuple(name for name, _ in named)
    if not names:
        raise InputError("a report needs at least one model")
    if len(set(names)) != len(names):
        raise InputError("a report needs a different name for each model")
    of_first = {m: values for m in MEASURES if (values := m.values(named[0][1])) is not None}
    measures = tuple(of_first)
    cells: dict[tuple[str, str], Cell] = {}
    changes: dict[tuple[str, str], Difference] = {}
    for measure in measures:
        first = of_first[measure]
        for name, evaluation in named:
            values = measure.values(evaluation)
            if values is None:
                raise InputError(f"{name}: was not measured on the records of {names[0]}")
            known, of = ~np.isnan(values), evaluation.clusters
            values, of = values[known].astype(float), of[known]
            cells[name, measure.key] = Cell(float(values.mean()), interval(values, clusters=of))
            if name != names[0]:
                changes[name, measure.key] = paired_difference(
                    values, first[known], clusters=of, seed=seed
                )
    adjusted = holm([change.p for change in changes.values()])
    for (key, change), p in zip(changes.items(), adjusted, strict=True):
        mark = SAME
        if p < ALPHA:
            mark = BETTER if change.difference > 0 else WORSE
        cells[key] = Cell(cells[key].value, cells[key].ci95, change, p, mark)
    return Table(names, measures, cells, named[0][1].cluster_count, named[0][1].cluster_by)


@dataclass(frozen=True)
class ConceptChange:
    """Acceptable top-1 of the pictures of one concept, before (baseline) and after (model)."""

    concept: str
    n: int
    before: float
    after: float

    @property
    def change(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def pictures(self) -> int:
        """Pictures gained less pictures lost."""
        return round(self.n * self.change)


def concept_changes(baseline: Evaluation, model: Evaluation) -> list[ConceptChange]:
    """Concepts that have pictures, from the greatest gain to the greatest loss."""
    before, after = baseline.concepts["level1"], model.concepts["level1"]
    out = []
    for number, label in enumerate(before.labels):
        rows = before.target == number
        if rows.any():
            shares = (float(part.accepted[rows].mean()) for part in (before, after))
            out.append(ConceptChange(label, int(rows.sum()), *shares))
    return sorted(out, key=lambda one: (-one.pictures, -one.change, one.concept))


@dataclass(frozen=True)
class Flip:
    """A picture whose concept one model got and the other did not.

    Args:
        index: record. concept: its own. before, after: the nearest by each model, or "a tie".
        gained: whether after counts, else before does.
        also: whether the one that counts is not its own concept but one that ``also`` accepts.
    """

    index: int
    concept: str
    before: str
    after: str
    gained: bool
    also: bool

    @property
    def said(self) -> tuple[str, str]:
        """Before and after, as they are shown."""
        note = " (also accepted)" if self.also else ""
        return (self.before, self.after + note) if self.gained else (self.before + note, self.after)


def flips(baseline: Evaluation, model: Evaluation, most: int = 8) -> tuple[list[Flip], list[Flip]]:
    """Pictures gained and lost (acceptable top-1), those whose own concept moved furthest first."""
    first, second = baseline.concepts["level1"], model.concepts["level1"]
    rows = baseline.concept_rows["level1"]
    moved = first.rank - second.rank
    said = ["a tie" if p < 0 else first.labels[p] for p in first.predicted]
    says = ["a tie" if p < 0 else second.labels[p] for p in second.predicted]
    out = []
    for hit, sign, right in (
        (second.accepted & ~first.accepted, 1, second),
        (first.accepted & ~second.accepted, -1, first),
    ):
        found = np.flatnonzero(hit)
        found = found[np.argsort(-sign * moved[found], kind="stable")][:most]
        out.append(
            [
                Flip(
                    index=int(rows[i]),
                    concept=first.labels[first.target[i]],
                    before=said[i],
                    after=says[i],
                    gained=sign > 0,
                    also=not right.correct[i],
                )
                for i in found
            ]
        )
    return out[0], out[1]


def confusions(evaluation: Evaluation, most: int = 8) -> list[tuple[str, str, int]]:
    """The most frequent wrong answers at level 1: (own concept, answer, pictures)."""
    result = evaluation.concepts["level1"]
    counts = result.confusion(~result.accepted)
    columns = (*result.labels, "a tie")
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    pairs = [np.unravel_index(place, counts.shape) for place in order]
    return [(result.labels[r], columns[c], int(counts[r, c])) for r, c in pairs if counts[r, c]]
