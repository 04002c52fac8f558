"""What the map is drawn from: places, ranks, colours and texts of a data set before and after.

``map/map.js`` reads it, in the app as a download and in a notebook as a part of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.analysis.embedding import Embedding, Recognised
from glasskit.analysis.maps import place_words
from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS, SPLITS
from glasskit.errors import InputError
from glasskit.models.vectors import nearest
from glasskit.plots.palette import family_level, level_colours

SIDES = ("before", "after")
SPLIT_NAMES = {
    "train": "seen in training",
    "val": "held out to choose",
    "test": "held out to test",
}

NEIGHBOURS = 6
"""Pictures that the one that is pointed at is joined to."""

MAX_PICTURES = 20_000
"""More would be slow to download and to draw."""


@dataclass(frozen=True)
class Projection:
    """A data set as one model sees it, on a flat map. n pictures, c concepts.

    Attributes:
        embedding: the vectors.
        recognised: which concept is nearest to each picture, and the rank of its own.
        picture: (n, 2) places.
        caption: (n, 2) places.
        concept: (c, 2) places.
    """

    embedding: Embedding
    recognised: Recognised
    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray

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
            embedding.recognised(dataset.targets(1)),
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
) -> dict[str, Any]:
    """Everything that the map shows, ready for JSON; places are flat lists x, y, x, y, ...

    Args:
        dataset: n records.
        before: by the untrained model.
        after: by the trained model.
        pictures: address below which ``{index}.webp`` is found, or n addresses; None without.
        hint: where there are no pictures, what to do about it.

    Raises:
        InputError: there are more than ``MAX_PICTURES``.
    """
    check_size(dataset)
    records = dataset.records
    shares = {side: _recognised(dataset, p) for side, p in zip(SIDES, (before, after), strict=True)}
    split, chosen = measured(dataset)
    where = "that training never saw" if split == "unseen" else "of the data set"
    return {
        "name": dataset.name,
        "n": len(records),
        "key": [record.key for record in records],
        "caption": [record.captions[0] for record in records],
        "theme": [record.theme[0] if record.theme else "" for record in records],
        "split": [record.split for record in records],
        "concept": dataset.targets(1).tolist(),
        "concepts": list(dataset.labels(1)),
        "levels": _levels(dataset),
        "family": LEVELS[family_level(dataset.concepts) - 1],
        "splits": [s for s in SPLITS if any(record.split == s for record in records)],
        "split_names": SPLIT_NAMES,
        "views": {"before": _view(dataset, before), "after": _view(dataset, after)},
        "story": (
            f"Of {len(chosen):,} pictures {where}, the model puts {shares['before']:,} nearest to "
            f"their own concept before training and {shares['after']:,} after; there are "
            f"{len(dataset.labels(1))} concepts to choose from."
        ),
        "credits": dataset.credits,
        "pictures": pictures,
        "hint": hint,
    }


def measured(dataset: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(dataset.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(dataset))))


def sentence(dataset: GroupedDataset, projection: Projection) -> str:
    """How many pictures a model recognises, in words."""
    split, chosen = measured(dataset)
    right = _recognised(dataset, projection)
    return f"{right:,} of {len(chosen):,} {split} pictures recognised"


def _recognised(dataset: GroupedDataset, projection: Projection) -> int:
    return int((projection.recognised.rank[measured(dataset)[1]] == 1).sum())


def _view(dataset: GroupedDataset, projection: Projection) -> dict[str, Any]:
    pictures = projection.embedding.picture
    return {
        "picture": _flat(projection.picture),
        "caption": _flat(projection.caption),
        "concept": _flat(projection.concept),
        "rank": projection.recognised.rank.tolist(),
        "top": projection.recognised.top.tolist(),
        "near": nearest(pictures, pictures, NEIGHBOURS, exclude_self=True).index.tolist(),
        "sentence": sentence(dataset, projection),
    }


def _flat(places: np.ndarray) -> list[float]:
    return np.round(places.astype(np.float64), 4).ravel().tolist()


def _levels(dataset: GroupedDataset) -> dict[str, dict[str, list[Any]]]:
    """For each level its labels, their colours, and which of them each concept has, -1 for none."""
    levels: dict[str, dict[str, list[Any]]] = {}
    for number, name in enumerate(LEVELS, start=1):
        labels = dataset.labels(number)
        if not labels:
            continue
        colours = level_colours(dataset.concepts, number)
        place: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
        levels[name] = {
            "labels": list(labels),
            "colours": [colours[label] for label in labels],
            "of": [place.get(concept.levels[number - 1], -1) for concept in dataset.concepts],
        }
    return levels
