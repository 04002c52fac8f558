"""Groups and names become the concepts and records of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError
from glasskit.grouping.clusters import Vectors
from glasskit.grouping.leaks import leaked_words
from glasskit.grouping.naming import hard_negatives
from glasskit.grouping.report import Leak
from glasskit.grouping.sources import Photo
from glasskit.grouping.wordnet import WordNet, find_wordnet
from glasskit.models.vectors import unit


def with_hard_negatives(
    concepts: Sequence[Concept], names: Vectors, count: int
) -> tuple[Concept, ...]:
    """Concepts with the ``count`` others that they are nearest to; names: (K, L)."""
    near = hard_negatives(unit(names), count)
    return tuple(
        replace(concept, hard_negatives=tuple(concepts[i].name for i in row))
        for concept, row in zip(concepts, near, strict=True)
    )


def make_records(
    photos: Sequence[Photo], labels: NDArray[np.int64], concepts: Sequence[Concept], fix: bool
) -> tuple[list[Record], list[Leak], int]:
    """Records, captions that use a word of their concept, and photographs that lost all theirs."""
    records: list[Record] = []
    leaks: list[Leak] = []
    for photo, label in zip(photos, labels, strict=True):
        name = concepts[label].name
        kept = []
        for caption in photo.captions:
            words = leaked_words(caption, (name,))
            if words:
                leaks.append(Leak(photo.key, name, tuple(words), caption))
            if not (words and fix):
                kept.append(caption)
        if kept:
            records.append(Record(photo.key, name, tuple(kept)))
    if not records:
        raise InputError("every caption uses a word of its concept; build without --fix-leaks")
    return records, leaks, len(photos) - len(records)


def still_used(concepts: Sequence[Concept], records: Sequence[Record]) -> tuple[Concept, ...]:
    """Concepts that have a record, without hard negatives that have none."""
    used = {record.concept for record in records}
    return tuple(
        replace(c, hard_negatives=tuple(n for n in c.hard_negatives if n in used))
        for c in concepts
        if c.name in used
    )


def with_wordnet_levels(
    concepts: tuple[Concept, ...], folder: Path | None, needed: bool
) -> tuple[Concept, ...]:
    """Levels from WordNet for concepts that have none.

    One that is only found on the machine is asked when no endpoint will be; one that the user names
    is always asked, and must be there.
    """
    complete = all(any(concept.levels[1:]) for concept in concepts)
    if folder is None and (complete or not needed or find_wordnet() is None):
        return concepts
    net = WordNet(folder)
    return tuple(c if any(c.levels[1:]) else net.place(c) for c in concepts)
