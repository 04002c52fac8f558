"""What the map is drawn from: places, ranks, colours and texts of a data set before and after.

``map/map.js`` reads it, in the app as a download and in a notebook as a part of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from glasskit.analysis.maps import place_words
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

LEVEL_NAMES = {"level1": "concept (level 1)", "level4": "level 4 (most general)"}

NEIGHBOURS = 6
"""Pictures that the one that is pointed at is joined to."""

MAX_PICTURES = 20_000
"""More would be slow to download and to draw."""


@dataclass(frozen=True)
class Projection:
    """A data set as one model sees it, on a flat map. n pictures, c concepts.

    Attributes:
        embedding: the vectors.
        recognised: which concept is nearest to each picture, and the rank of its own one (of
            several labels, of the nearest of them).
        picture: (n, 2) places.
        caption: (n, 2) places.
        concept: (c, 2) places.
    """

    embedding: Embedding
    recognised: Recognition
    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray

    @cached_property
    def near(self) -> list[list[int]]:
        """(n, NEIGHBOURS) indices of the pictures nearest to each one."""
        seen = self.embedding.picture
        return nearest(seen, seen, NEIGHBOURS, exclude_self=True).index.tolist()

    @classmethod
    def of(cls, dataset: GroupedDataset, embedding: Embedding, places: np.ndarray) -> Projection:
        """Concepts and captions placed among the pictures that are nearest to them.

        Args:
            dataset: n records.
            embedding: its vectors.
            places: (n, 2) of the pictures, as ``analysis.maps.project`` computes them.
        """
        return cls(
            embedding,
            embedding.recognised(dataset.carried(1)),
            places,
            place_words(embedding.caption, embedding.picture, places, k=4),
            place_words(embedding.concept, embedding.picture, places),
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
    before: Projection,
    after: Projection,
    pictures: str | list[str] | None = None,
    hint: str = "",
    sides: Mapping[str, str] = SIDES_SAID,
) -> dict[str, Any]:
    """Everything that the map shows, ready for JSON; places are flat lists x, y, x, y, ...

    Args:
        dataset: n records.
        before: by the untrained model.
        after: by the trained model.
        pictures: address below which ``{index}.webp`` is found, or n addresses; None without.
        hint: where there are no pictures, what to do about it.
        sides: what ``before`` and ``after`` are called.

    Raises:
        InputError: there are more than ``MAX_PICTURES``.
    """
    check_size(dataset)
    records = dataset.records
    splits = {record.split for record in records}
    place = {name: i for i, name in enumerate(dataset.labels(1))}
    return {
        "name": dataset.name,
        "n": len(records),
        "key": [record.key for record in records],
        "caption": [record.captions[0] for record in records],
        "theme": [next(iter(record.themes), "") for record in records],
        "split": [record.split for record in records],
        "labels": [[place[name] for name in record.labels] for record in records],
        "concepts": list(dataset.labels(1)),
        "colourings": _colourings(dataset, before, after),
        "family": LEVELS[family_level(dataset) - 1],
        "splits": {split: SPLIT_NAMES[split] for split in SPLITS if split in splits},
        "sides": dict(sides),
        "views": {"before": _view(dataset, before), "after": _view(dataset, after)},
        "story": _story(dataset, before, after),
        "credits": dataset.credits,
        "pictures": pictures,
        "hint": hint,
    }


def measured(dataset: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(dataset.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(dataset))))


def _story(dataset: GroupedDataset, before: Projection, after: Projection) -> str:
    """How many pictures were recognised before training and are after it."""
    was, now = (f"{_recognised(dataset, one):,}" for one in (before, after))
    split, chosen = measured(dataset)
    where = "that training never saw" if split == "unseen" else "of the data set"
    of, concepts = f"Of {len(chosen):,} pictures {where}", len(dataset.labels(1))
    if not dataset.several:
        return (
            f"{of}, the model puts {was} nearest to their own concept before training and {now} "
            f"after; there are {concepts} concepts to choose from."
        )
    return (
        f"Each picture carries {_carried(dataset)} of {concepts} ideas. {of}, the nearest "
        f"idea is one of the picture's own for {was} before training and for {now} after."
    )


def _carried(dataset: GroupedDataset) -> str:
    """How many labels a picture has, such as "5 to 9"."""
    counts = [len(record.labels) for record in dataset.records]
    least, most = min(counts), max(counts)
    return str(most) if least == most else f"{least} to {most}"


def _recognised(dataset: GroupedDataset, projection: Projection) -> int:
    return int((projection.recognised.rank[measured(dataset)[1]] == 1).sum())


def _view(dataset: GroupedDataset, projection: Projection) -> dict[str, Any]:
    split, chosen = measured(dataset)
    right = _recognised(dataset, projection)
    return {
        "picture": _flat(projection.picture),
        "caption": _flat(projection.caption),
        "concept": _flat(projection.concept),
        "rank": projection.recognised.rank.tolist(),
        "top": projection.recognised.top.tolist(),
        "near": projection.near,
        "sentence": f"{right:,} of {len(chosen):,} {split} pictures recognised",
    }


def _flat(places: np.ndarray) -> list[float]:
    return np.round(places.astype(np.float64), 4).ravel().tolist()


def _colourings(
    dataset: GroupedDataset, before: Projection, after: Projection
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
            own = [dataset.by_name[record.concept].levels[number - 1] for record in dataset.records]
            found[level] = _colouring(LEVEL_NAMES.get(level, f"level {number}"), colours, own)
            found[level]["home"] = _numbers(colours, names)
    was, now = ((one.recognised.rank == 1).tolist() for one in (before, after))
    learned = [RECOGNISED[pair][0] for pair in zip(was, now, strict=True)]
    found["correct"] = _colouring("recognised or not", dict(RECOGNISED.values()), learned)
    seen = [SPLIT_NAMES[record.split] for record in dataset.records]
    colours = dict(zip(SPLIT_NAMES.values(), SPLIT_COLOURS, strict=True))
    found["split"] = _colouring("seen in training or not", colours, seen)
    return found


def _colouring(name: str, colours: dict[str, str], own: Sequence[str | None]) -> dict[str, Any]:
    labels, shades = list(colours), list(colours.values())
    return {"name": name, "labels": labels, "colours": shades, "of": _numbers(colours, own)}


def _numbers(labels: Iterable[str], names: Iterable[str | None]) -> list[int]:
    """The number of each name among the labels, -1 for none."""
    place: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
    return [place.get(name, -1) for name in names]
