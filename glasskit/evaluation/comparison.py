"""Models side by side on the same pictures: shares, paired differences, Holm's correction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.concepts import LevelRecognition
from glasskit.evaluation.evaluate import CAPTIONS, Evaluation
from glasskit.evaluation.hard_negatives import IMAGE_TO_TEXT, TEXT_TO_IMAGE
from glasskit.evaluation.intervals import Difference, holm, interval, paired_difference

ALPHA = 0.05
BETTER, WORSE, SAME = "better", "worse", ""
SHOWN = 8
"""How many examples of a kind are shown."""


@dataclass(frozen=True)
class Measure:
    """One column of the table.

    Args:
        key: its name in the JSON. title: its heading. about: what it says, in one line.
        values: (n,) numbers from 0 to 1 of an evaluation, NaN for pictures that were not asked; or
            (1, c) for a measure of labels, NaN for those of too few pictures; or None where there
            is no number at all.
    """

    key: str
    title: str
    about: str
    values: Callable[[Evaluation], np.ndarray | None]


def _hard(one: Evaluation, name: str, way: str) -> np.ndarray | None:
    answers = one.hard[name]
    asked = answers.questions[way].counts > 0
    return _of_all(one.n, answers.rows[asked], answers.correct[way][asked])


def _recall(one: Evaluation, way: str) -> np.ndarray | None:
    ranks = one.retrieval
    pool = ranks.text_to_image if way == IMAGE_TO_TEXT else ranks.image_to_text
    return ranks.hits(way, 10) if len(pool) > 10 else None


def _precision(one: Evaluation) -> np.ndarray | None:
    ranking = one.multilabel.get("level1")
    known = ranking is not None and not np.isnan(ranking.average_precision).all()
    return ranking.average_precision[None] if ranking is not None and known else None


def _of_all(n: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """(n,) the values of some records, NaN for the others; None where there are none."""
    if not len(rows):
        return None
    out = np.full(n, np.nan)
    out[rows] = values
    return out


MEASURES = (
    Measure(
        "top1",
        "Concept top-1",
        "the own concept alone is first",
        lambda one: one.concepts["level1"].correct,
    ),
    Measure(
        "acceptable_top1",
        "Acceptable top-1",
        "a concept that a careful viewer accepts is first",
        lambda one: one.concepts["level1"].accepted,
    ),
    Measure(
        "top5",
        "Concept top-5",
        "the own concept is among the first five",
        lambda one: one.concepts["level1"].within(5),
    ),
    Measure(
        "map",
        "Mean average precision",
        "pictures ranked by each label: its own come first; interval and test are over labels",
        _precision,
    ),
    Measure(
        "hard_image_to_text",
        "Hard negatives, image to concept",
        "the own concept beats K easily confused ones",
        lambda one: _hard(one, "level1", IMAGE_TO_TEXT),
    ),
    Measure(
        "hard_text_to_image",
        "Hard negatives, concept to image",
        "the picture beats K pictures of easily confused concepts",
        lambda one: _hard(one, "level1", TEXT_TO_IMAGE),
    ),
    Measure(
        "hard_captions",
        "Hard negatives, captions",
        "the own caption beats K captions of easily confused concepts",
        lambda one: _hard(one, CAPTIONS, IMAGE_TO_TEXT),
    ),
    Measure(
        "image_to_text_r10",
        "Caption R@10",
        "the literal caption is among the ten nearest of all",
        lambda one: _recall(one, IMAGE_TO_TEXT),
    ),
    Measure(
        "text_to_image_r10",
        "Picture R@10",
        "the picture is among the ten nearest to its literal caption",
        lambda one: _recall(one, TEXT_TO_IMAGE),
    ),
    Measure(
        "caption_over_negation",
        "Caption over negation",
        "the true caption is nearer than a false sentence",
        lambda one: _of_all(one.n, one.negation_rows, one.negation),
    ),
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model, or the mean of several, did with each picture and label.

    Args:
        values: measure to (n,) numbers from 0 to 1, NaN for pictures that were not asked; or to
            (parts, c), a row for each part of the pictures that was ranked by the c labels, NaN for
            labels of too few pictures there. Then a label with all of its parts is a cluster.
        clusters: (n,) label of each picture's cluster.
        cluster_by: what a cluster is, see ``GroupedDataset.cluster_by``.
    """

    values: Mapping[str, np.ndarray]
    clusters: np.ndarray
    cluster_by: str = "picture"

    @classmethod
    def of(cls, evaluation: Evaluation) -> Outcome:
        """Every measure of ``MEASURES`` that an evaluation has."""
        found = {one.key: one.values(evaluation) for one in MEASURES}
        values = {key: np.asarray(v, float) for key, v in found.items() if v is not None}
        return cls(values, evaluation.clusters, evaluation.cluster_by)

    @property
    def cluster_count(self) -> int:
        """How many clusters the pictures are of."""
        return len(np.unique(self.clusters))

    def share(self, measure: str) -> float:
        """The mean over the pictures that were asked, or over parts and labels."""
        return float(np.nanmean(self.values[measure]))

    def interval(self, measure: str) -> list[float] | None:
        """95% interval of the mean, over clusters; None where there is only one."""
        known, of = self._known(measure)
        return interval(self.values[measure][known], clusters=of)

    def gain(self, other: Outcome, measure: str) -> Difference:
        """Paired difference to another outcome on the same pictures."""
        mine, theirs = self.values[measure], other.values[measure]
        known, of = self._known(measure)
        return paired_difference(mine[known], theirs[known], clusters=of)

    def over(self, measure: str) -> tuple[int, str]:
        """How many clusters an interval or test of this measure is over, and of what."""
        if self.values[measure].ndim == 1:
            return self.cluster_count, self.cluster_by
        return len(np.unique(self._known(measure)[1])), "label"

    def _known(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """Which values are there, and the cluster of each of them."""
        values = self.values[measure]
        known = ~np.isnan(values)
        if values.ndim == 1:
            return known, self.clusters[known]
        return known, np.nonzero(known)[1]


@dataclass(frozen=True)
class Comparison:
    """One outcome less another on one measure; p_holm is p after Holm's correction over all."""

    name: str
    base: str
    measure: str
    gain: Difference
    p_holm: float


def comparisons(
    outcomes: Mapping[str, Outcome], pairs: Iterable[tuple[str, str]]
) -> list[Comparison]:
    """Paired differences of (name, base) pairs on every measure, as one family of tests."""
    found = [
        (name, base, measure, outcomes[name].gain(outcomes[base], measure))
        for name, base in pairs
        for measure in outcomes[base].values
    ]
    adjusted = holm([gain.p for *_, gain in found])
    return [Comparison(*one, p) for one, p in zip(found, adjusted, strict=True)]


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


def compare(named: Sequence[tuple[str, Evaluation]]) -> Table:
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
    outcomes = {name: Outcome.of(evaluation) for name, evaluation in named}
    first = outcomes[names[0]]
    cells: dict[tuple[str, str], Cell] = {}
    for name, one in outcomes.items():
        if one.values.keys() != first.values.keys() or len(one.clusters) != len(first.clusters):
            raise InputError(f"{name}: was not measured on the records of {names[0]}")
        cells |= {(name, key): Cell(one.share(key), one.interval(key)) for key in first.values}
    for found in comparisons(outcomes, [(name, names[0]) for name in names[1:]]):
        mark = SAME
        if found.p_holm < ALPHA:
            mark = BETTER if found.gain.difference > 0 else WORSE
        key = found.name, found.measure
        cells[key] = Cell(cells[key].value, cells[key].ci95, found.gain, found.p_holm, mark)
    measures = tuple(measure for measure in MEASURES if measure.key in first.values)
    return Table(names, measures, cells, first.cluster_count, first.cluster_by)


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
    def answers(self) -> tuple[str, str]:
        """Before and after, as they are shown."""
        note = " (also accepted)" if self.also else ""
        return (self.before, self.after + note) if self.gained else (self.before + note, self.after)


def flips(
    baseline: Evaluation, model: Evaluation, most: int = SHOWN
) -> tuple[list[Flip], list[Flip]]:
    """Pictures gained and lost (acceptable top-1), those whose own concept moved furthest first."""
    first, second = baseline.concepts["level1"], model.concepts["level1"]
    before, after = first.answers, second.answers

    def between(right: LevelRecognition, wrong: LevelRecognition) -> list[Flip]:
        """Pictures that `right` got and `wrong` did not."""
        found = np.flatnonzero(right.accepted & ~wrong.accepted)
        moved = right.rank[found] - wrong.rank[found]
        return [
            Flip(
                index=int(i),
                concept=first.labels[first.target[i]],
                before=before[i],
                after=after[i],
                gained=right is second,
                also=not right.correct[i],
            )
            for i in found[np.argsort(moved, kind="stable")][:most]
        ]

    return between(second, first), between(first, second)


def confusions(evaluation: Evaluation, most: int = SHOWN) -> list[tuple[str, str, int]]:
    """The most frequent wrong answers at level 1: (own concept, answer, pictures)."""
    result = evaluation.concepts["level1"]
    labels = (*result.labels, "a tie")
    answer = np.where(result.tied, len(result.labels), result.top)
    wrong = ~result.accepted
    counts = Counter(zip(result.target[wrong].tolist(), answer[wrong].tolist(), strict=True))
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]
    return [(labels[own], labels[other], n) for (own, other), n in found]
