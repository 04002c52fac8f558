"""Train, val and test: whole photographs, by seed, the same share of every concept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glasskit.data.schema import Record
from glasskit.errors import InputError


def split_records(records: Sequence[Record], val: float, test: float, seed: int) -> list[Record]:
    """Records with their split, in the order that they came in.

    Each concept is shuffled by itself and gives round(share n) photographs to test and to val, but
    one at least where the share is above 0 and it has three or more, and never its last to train.

    Args:
        records: one a photograph, so that a photograph is in one split only.
        val: share of each concept, 0 to 1.
        test: likewise.
        seed: of the shuffle.

    Raises:
        InputError: the shares leave nothing to train on.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):  # NaN is none of these
        raise InputError(f"val {val:g}, test {test:g}: shares of 0 or more, together below 1")
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
