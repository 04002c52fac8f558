"""What the map is drawn from: places, ranks, colours and texts of a data set before and after.

``map/map.js`` reads it, in the app as a download and in a notebook as a part of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.analysis.maps import VERSION, place_words
from glasskit.analysis.store import cached_arrays, content_key
from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS, SPLITS
from glasskit.errors import InputError
from glasskit.models.embedding import Embedding
from glasskit.models.recognition import Recognition
from glasskit.models.vectors import nearest
from glasskit.plots.style import family_level, level_colours

SIDES = ("before", "after")
SIDES_SAID = {side: f"{side} training" for side in SIDES}
SPLIT_NAMES = {
    "train": "seen in training",
    "val": "held out to choose",
    "test": "held out to test",
}

SPLIT_COLOURS = ("#4477aa", "#ccbb44", "#aa3377")

RECOGNISED = {
    (True, True): ("recognised before and after", "#4477aa"),
    (False, True): ("learned in training", "#228833"),
    (True, False): ("lost in training", "#ee7733"),
    (False, False): ("not recognised", "#a8a29a"),
}
"""Whether a picture was recognised before and is after; what that is called and its colour."""

BY_TWO = ("recognised by both", "only by {after}", "only by {before}", "by neither")
"""What it is called where the two are not one model before and after training."""

LEVEL_NAMES = {"level1": "concept (level 1)", "level4": "level 4 (most general)"}

NEIGHBOURS = 6
"""Pictures that the one that is pointed at is joined to."""

MANY = 2_000
"""Pictures from which on what compares all pairs of them is kept in the cache: of 20,000 it takes
half a minute."""

NOT_TOLD = Recognition(*np.zeros((4, 0), int))
"""The recognition of no picture."""

MAX_PICTURES = 20_000
"""More would be slow to download and to draw."""


@dataclass(frozen=True)
class Projection:
    """A data set as one model sees it, on a flat map. n pictures, c concepts.

    Attributes:
        embedding: the vectors.
        recognised: which concept is nearest to each picture, and the rank of its own one (of
            several labels, of the nearest of them); of no picture where no model knows the
            concepts.
        picture: (n, 2) places.
        caption: (n, 2) places.
        concept: (c, 2) places.
        near: (n, NEIGHBOURS) indices of the pictures nearest to each one.
    """

    embedding: Embedding
    recognised: Recognition
    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray
    near: np.ndarray

    @classmethod
    def of(
        cls,
        dataset: GroupedDataset,
        embedding: Embedding,
        places: np.ndarray,
        *,
        named: bool = True,
    ) -> Projection:
        """Concepts and captions placed among the pictures that are nearest to them.

        Args:
            dataset: n records.
            embedding: its vectors.
            places: (n, 2) of the pictures, as ``analysis.maps.project`` computes them.
            named: whether the vectors of concepts are those of their names, so that it can be
                told which pictures are recognised.
        """
        seen = embedding.picture

        def compare_all() -> dict[str, np.ndarray]:
            return {
                "caption": place_words(embedding.caption, seen, places, k=4),
                "near": nearest(seen, seen, NEIGHBOURS, exclude_self=True).index,
            }

        if len(seen) < MANY:
            found = compare_all()
        else:
            key = content_key("compared", VERSION, seen, embedding.caption, places, NEIGHBOURS)
            found = cached_arrays("maps", key, compare_all)
        return cls(
            embedding,
            embedding.recognised(dataset.carried(1)) if named else NOT_TOLD,
            places,
            concept=place_words(embedding.concept, seen, places),
            **found,
        )


def check_size(dataset: GroupedDataset) -> None:
    """Raise InputError where a data set has more than ``MAX_PICTURES``."""
    if len(dataset) > MAX_PICTURES:
        raise InputError(
            f"{dataset.name}: {len(dataset):,} pictures are more than the {MAX_PICTURES:,} that "
            "the map draws; take a part of them"
        )


def map_data(
    dataset: GroupedDataset,
    before: Projection | None,
    after: Projection,
    pictures: str | list[str] | None = None,
    hint: str = "",
    sides: Mapping[str, str] = SIDES_SAID,
) -> dict[str, Any]:
    """Everything that the map shows, ready for JSON; places are flat lists x, y, x, y, ...

    Args:
        dataset: n records.
        before: by the untrained model; None for one map alone.
        after: by the trained model.
        pictures: address below which ``{index}.webp`` is found, or n addresses; None without.
        hint: where there are no pictures, what to do about it.
        sides: what ``before`` and ``after`` are called; of one map alone, ``after``.

    Raises:
        InputError: there are more than ``MAX_PICTURES``.
    """
    check_size(dataset)
    records = dataset.records
    splits = {record.split for record in records}
    own = _own(dataset, after)
    views = {"before": before, "after": after} if before else {"after": after}
    colourings = _colourings(dataset, list(views.values()), own, sides)
    family = LEVELS[family_level(dataset) - 1]
    return {
        "name": dataset.name,
        "n": len(records),
        "key": [record.key for record in records],
        "caption": [record.captions[0] for record in records],
        "theme": [next(iter(record.themes), "") for record in records],
        "split": [record.split for record in records],
        "labels": own,
        "concepts": list(dataset.labels(1)),
        "colourings": colourings,
        "labelled": dataset.labelled,
        "family": family if family in colourings else next(iter(colourings)),
        "splits": {
            split: SPLIT_NAMES[split] for split in SPLITS if split in splits and dataset.labelled
        },
        "sides": dict(sides),
        "views": {side: _view(dataset, one) for side, one in views.items()},
        "story": _story(dataset, list(views.values()), sides),
        "credits": dataset.credits,
        "pictures": pictures,
        "hint": hint,
    }


def _own(dataset: GroupedDataset, after: Projection) -> list[list[int]]:
    """Indices of each picture's labels; where nobody labelled them, of its nearest concept."""
    if not dataset.labelled:
        return after.recognised.top[:, None].tolist() or [[] for _ in dataset.records]
    place = {name: i for i, name in enumerate(dataset.labels(1))}
    return [[place[name] for name in record.labels] for record in dataset.records]


def measured(dataset: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(dataset.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(dataset))))


def _story(dataset: GroupedDataset, views: Sequence[Projection], sides: Mapping[str, str]) -> str:
    """How many pictures each model recognises, such as before training and after it."""
    ideas = len(dataset.labels(1))
    if not _told(views):
        stand = " A ◆ stands where the middle of a label's pictures is." if ideas else ""
        return f"{len(dataset):,} pictures where their vectors lie.{stand}"
    names = list(sides.values())[-len(views) :]
    said = [name if sides == SIDES_SAID else f"by {name}" for name in names]
    if not dataset.labelled:
        return (
            f"{len(dataset):,} pictures that nobody labelled; colours show which of {ideas} ideas "
            f"is nearest {said[-1]}."
        )
    counts = [_recognised(dataset, one) for one in views]
    first, *rest = (f"{count:,} {by}" for count, by in zip(counts, said, strict=True))
    split, chosen = measured(dataset)
    where = "that training never saw" if split == "unseen" else "of the data set"
    of = f"Of {len(chosen):,} pictures {where}"
    if not dataset.several:
        first = f"{counts[0]:,} are nearest to their own concept {said[0]}"
        counted = " and ".join([first, *rest])
        return f"{of}, {counted}; there are {ideas} concepts to choose from."
    counted = " and for ".join([first, *rest])
    return (
        f"Each picture carries {_carried(dataset)} of {ideas} ideas. {of}, the nearest idea is "
        f"one of the picture's own for {counted}."
    )


def _told(views: Sequence[Projection]) -> bool:
    """Whether it is told which pictures are recognised."""
    return len(views[-1].recognised.rank) > 0


def _carried(dataset: GroupedDataset) -> str:
    """How many labels a picture has, such as "5 to 9"."""
    counts = [len(record.labels) for record in dataset.records]
    least, most = min(counts), max(counts)
    return str(most) if least == most else f"{least} to {most}"


def _recognised(dataset: GroupedDataset, projection: Projection) -> int:
    return int((projection.recognised.rank[measured(dataset)[1]] == 1).sum())


def _view(dataset: GroupedDataset, projection: Projection) -> dict[str, Any]:
    split, chosen = measured(dataset)
    told = dataset.labelled and _told([projection])
    return {
        "picture": _flat(projection.picture),
        "caption": _flat(projection.caption),
        "concept": _flat(projection.concept),
        "rank": projection.recognised.rank.tolist(),
        "top": projection.recognised.top.tolist(),
        "near": projection.near.tolist(),
        "sentence": f"{_recognised(dataset, projection):,} of {len(chosen):,} {split} pictures "
        "recognised"
        if told
        else "",
    }


def _flat(places: np.ndarray) -> list[float]:
    return np.round(places.astype(np.float64), 4).ravel().tolist()


def _colourings(
    dataset: GroupedDataset,
    views: Sequence[Projection],
    own: list[list[int]],
    sides: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """What pictures can be coloured by, the most general level first.

    Each has a name, labels with a colour each, and ``of``: the number of every picture's label (of
    several the strongest), -1 for none. A level of the taxonomy also has ``home``: the number of
    every concept's label, so that each label that a picture carries can be told.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, level in reversed(list(enumerate(LEVELS, start=1))):
        shades = level_colours(dataset, number)
        if shades:
            colours = {label: shades[label] for label in dataset.labels(number)}
            names = [dataset.by_name[name].levels[number - 1] for name in dataset.labels(1)]
            name = LEVEL_NAMES.get(level, f"level {number}")
            name = name if dataset.labelled else f"nearest {name}"
            found[level] = _colouring(
                name, colours, [names[one[0]] if one else None for one in own]
            )
            found[level]["home"] = _numbers(colours, names)
    if dataset.labelled and _told(views):
        was, now = ((one.recognised.rank == 1).tolist() for one in (views[0], views[-1]))
        said = {pair: name for pair, (name, _) in RECOGNISED.items()}
        if len(views) == 1:
            said = {(True, True): "recognised", (False, False): "not recognised"}
        elif sides != SIDES_SAID:
            said = {p: name.format(**sides) for p, name in zip(said, BY_TWO, strict=True)}
        colours = {name: RECOGNISED[pair][1] for pair, name in said.items()}
        learned = [said[pair] for pair in zip(was, now, strict=True)]
        found["correct"] = _colouring("recognised or not", colours, learned)
        seen = [SPLIT_NAMES[record.split] for record in dataset.records]
        colours = dict(zip(SPLIT_NAMES.values(), SPLIT_COLOURS, strict=True))
        found["split"] = _colouring("seen in training or not", colours, seen)
    if not found:
        found["none"] = _colouring("nothing", {"picture": SPLIT_COLOURS[0]}, ["picture"] * len(own))
    return found


def _colouring(name: str, colours: dict[str, str], own: Sequence[str | None]) -> dict[str, Any]:
    labels, shades = list(colours), list(colours.values())
    return {"name": name, "labels": labels, "colours": shades, "of": _numbers(colours, own)}


def _numbers(labels: Iterable[str], names: Iterable[str | None]) -> list[int]:
    """The number of each name among the labels, -1 for none."""
    place: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
    return [place.get(name, -1) for name in names]
