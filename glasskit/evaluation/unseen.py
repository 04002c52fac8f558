"""Labels left out of training, in two readings that are never mixed up: folds over labels, too.

- never grouped: the label forms no group and its theme sentences are not read, but pictures that
  carry it are trained on in the groups of their other labels (`GroupedDataset.without`);
- never shown: no training picture carries it either (`GroupedDataset.never_shown`). Where pictures
  have one label, a label without its group is a label without its pictures: both are the same.

Pictures are dealt into parts and labels into folds. A model that is tested on a part has seen
neither the part's pictures nor the fold's labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.study import cross_validation
from glasskit.evaluation.train_test_leaks import check_no_leak

GROUPED, SHOWN, TRANSFER = "never grouped", "never shown", "transfer"


@dataclass(frozen=True, eq=False)
class Fold:
    """What one model of each recipe is trained on and tested on.

    Args:
        reading: GROUPED or SHOWN, or TRANSFER where another data set's labels are asked.
        number: of the fold of labels.
        left: its labels; with TRANSFER all labels of that data set.
        part: number of the part of the pictures that is tested.
        train: the pictures of the other parts, without the fold's labels.
        test: the pictures of the part, with all of their labels.
    """

    reading: str
    number: int
    left: tuple[str, ...]
    part: int
    train: GroupedDataset
    test: GroupedDataset


def crossed_folds(
    dataset: GroupedDataset, reading: str, parts: int, folds: int = 0
) -> Iterator[Fold]:
    """As many folds of labels as parts, each with every part; or ``folds``, each with one part.

    Raises:
        InputError: too few or too many of them, fewer than two labels to train on, or a leak.
    """
    if parts < 2:
        raise InputError(f"folds: {parts} is not allowed with unseen labels; give 2 or more")
    held = [*cross_validation(dataset, parts)]
    for number, left in enumerate(deal_labels(dataset, folds or parts)):
        for part in [number % parts] if folds else range(parts):
            rest, test = held[part].split("train"), held[part].split("test")
            train = rest.without(left) if reading == GROUPED else rest.never_shown(left)
            if len(train.groups()) < 2:
                raise InputError(
                    f"{reading}: without {', '.join(left)} fewer than two labels are left to "
                    "train on; deal the labels into more folds"
                )
            check_no_leak(dataset, train, test, left)
            yield Fold(reading, number, left, part, train, test)


def deal_labels(dataset: GroupedDataset, folds: int, seed: int = 0) -> list[tuple[str, ...]]:
    """The labels that have pictures, dealt into folds at random, frequent ones spread evenly.

    Raises:
        InputError: folds is not 2 to the number of labels.
    """
    sizes = {name: len(rows) for name, rows in dataset.groups().items()}
    if not 2 <= folds <= len(sizes):
        raise InputError(
            f"folds of labels: {folds}, but there are {len(sizes)} labels; give 2 or "
            "more, at most one a label"
        )
    rng = np.random.default_rng(seed)
    names = sorted(sizes, key=lambda name: -sizes[name])
    hands: list[list[str]] = [[] for _ in range(folds)]
    for low in range(0, len(names), folds):
        for name, hand in zip(names[low : low + folds], rng.permutation(folds), strict=False):
            hands[hand].append(name)
    return [tuple(hand) for hand in hands]


def other_labels(other: GroupedDataset, dataset: GroupedDataset) -> GroupedDataset:
    """The pictures of a data set, by key, as another one labels them, less labels that both have.

    Raises:
        InputError: it has none of the pictures under a label of its own.
    """
    shared = set(other.labels(1)) & set(dataset.labels(1))
    keys = {record.key for record in dataset.records}
    part = other.without(shared).where(lambda record: record.key in keys)
    if not part.records:
        raise InputError(
            f"transfer: {other.name!r} has no picture of {dataset.name!r} under a label of its own"
        )
    return replace(part, concepts=tuple(c for c in part.concepts if c.name not in shared))


def transferred(fold: Fold, other: GroupedDataset) -> Fold:
    """The fold with its tested pictures as another data set labels them."""
    keys = {record.key for record in fold.test.records}
    test = other.where(lambda record: record.key in keys)
    return replace(fold, reading=TRANSFER, left=other.labels(1), test=test)
