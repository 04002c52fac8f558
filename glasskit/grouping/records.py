"""Photographs and their groups become the records of a data set: checked for leaks, and split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glasskit.data.leaks import leaked_words
from glasskit.data.schema import Record
from glasskit.errors import InputError
from glasskit.grouping.report import Leak
from glasskit.grouping.sources import Photo


def make_records(
    photos: Sequence[Photo], names: Sequence[Sequence[str]], fix_leaks: bool
) -> tuple[list[Record], list[Leak]]:
    """Records, and the captions that use a word of their concept.

    Args:
        photos: n photographs.
        names: the concepts of each, its own first; one that a caption names is not joined.
        fix_leaks: drop such captions, and a photograph that has no other.

    Raises:
        InputError: no record is left.
    """
    records: list[Record] = []
    leaks: list[Leak] = []
    for photo, (name, *others) in zip(photos, names, strict=True):
        kept = []
        for caption in photo.captions:
            words = leaked_words(caption, (name,))
            if words:
                leaks.append(Leak(photo.key, name, tuple(words), caption))
            if not (words and fix_leaks):
                kept.append(caption)
        if kept:
            joins = [n for n in others if not any(leaked_words(text, (n,)) for text in kept)]
            records.append(Record(photo.key, (name, *joins), tuple(kept)))
    if not records:
        raise InputError("every caption uses a word of its concept; build without --fix-leaks")
    return records, leaks


def split_records(records: Sequence[Record], val: float, test: float, seed: int) -> list[Record]:
    """Records with their split, in the order that they came in.

    Each concept is shuffled by itself and gives round(share n) photographs to test and to val, but
    one at least where the share is above 0 and it has three or more, and never its last to train.

    Args:
        records: one a photograph, so that a photograph is in one split only.
        val: share of each concept, 0 or more, with ``test`` below 1.
        test: likewise.
        seed: of the shuffle.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        rows[record.concept].append(row)
    splits = ["train"] * len(records)
    for place, concept in enumerate(rows):
        own = np.random.default_rng((seed, place)).permutation(rows[concept])
        n_test = _count(test, len(own), len(own) - 1)
        n_val = _count(val, len(own), len(own) - 1 - n_test)
        for row in own[:n_test]:
            splits[row] = "test"
        for row in own[n_test : n_test + n_val]:
            splits[row] = "val"
    return [replace(r, split=split) for r, split in zip(records, splits, strict=True)]


def _count(share: float, n: int, most: int) -> int:
    least = 1 if share > 0 and n >= 3 else 0
    return min(max(round(share * n), least), most)
