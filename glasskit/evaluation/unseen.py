"""Unseen concepts: does a model place pictures of concepts that it was never trained on?

The concepts are dealt into k folds. For each fold a model is trained without the fold's concepts
and then has to recognise every picture of them, among all concepts of the taxonomy. "Without" is
strict: no picture of a held-out concept is trained on, and none for which one is acceptable
(``also``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import Record
from glasskit.errors import InputError
from glasskit.evaluation.concepts import LevelRecognition, recognise_labels
from glasskit.evaluation.intervals import paired_difference
from glasskit.models.embedding import embed

if TYPE_CHECKING:
    from glasskit.models import GlassModel

Train = Callable[[GroupedDataset, int], "GlassModel"]
"""train(data set of a fold, its number) -> trained model; it may use the train and val split."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold.

    Args:
        number: 0 to k - 1.
        held_out: level-1 names of its concepts.
        train: records that may be trained on, with their splits; none of a held-out concept.
        test: every record of a held-out concept, whatever its split.
    """

    number: int
    held_out: tuple[str, ...]
    train: GroupedDataset
    test: GroupedDataset


def unseen_folds(dataset: GroupedDataset, k: int = 5, seed: int = 0) -> Iterator[Fold]:
    """Deal the concepts that have records into k folds at random and yield each fold.

    Raises:
        InputError: k is not 2 to the number of concepts, or a fold leaves nothing to train on.
    """
    names = list(dataset.groups())
    if not 2 <= k <= len(names):
        raise InputError(f"unseen concepts: k must be 2 to {len(names)} (the concepts), not {k}")
    order = np.random.default_rng(seed).permutation(len(names))
    for number, members in enumerate(np.array_split(order, k)):
        held = {names[i] for i in members}

        def clean(record: Record, held: set[str] = held) -> bool:
            return held.isdisjoint((record.concept, *record.also))

        def unseen(record: Record, held: set[str] = held) -> bool:
            return record.concept in held

        train = dataset.where(clean)
        if not any(record.split == "train" for record in train.records):
            raise InputError(
                f"unseen concepts: fold {number} leaves no train record; use a larger k"
            )
        yield Fold(number, tuple(n for n in names if n in held), train, dataset.where(unseen))


def leave_concepts_out(
    dataset: GroupedDataset,
    train: Train,
    *,
    baseline: GlassModel | None = None,
    k: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """Train k models, each without a fold of concepts, and recognise the concepts it never saw.

    Args:
        dataset: all splits; the pictures of all folds together are its records, each tested once.
        train: called once a fold.
        baseline: the model before training, measured on the same pictures.

    What is left out is a concept, so that intervals and tests are over concepts.

    Returns:
        {"folds", "held_out": [[names], ...], "clusters": {"n", "by": "concept"}, "unseen":
        recognition at level 1 among all concepts (``LevelRecognition.summary``), "baseline": the
        same, "gain": {"top1": {"difference", "low", "high", "p"}, "acceptable_top1": ...}}; the
        last two are None without a baseline.

    Raises:
        InputError: see ``unseen_folds``.
    """
    parts: list[LevelRecognition] = []
    before: list[LevelRecognition] = []
    held: list[list[str]] = []
    for fold in unseen_folds(dataset, k, seed):
        model = train(fold.train, fold.number)
        parts.append(recognise_level1(model, fold.test))
        if baseline is not None:
            before.append(recognise_level1(baseline, fold.test))
        held.append(list(fold.held_out))
    after = pool(parts)
    concept = after.target
    out: dict[str, Any] = {
        "folds": k,
        "held_out": held,
        "clusters": {"n": len(np.unique(concept)), "by": "concept"},
        "unseen": after.summary(concept),
        "baseline": None,
        "gain": None,
    }
    if before:
        first = pool(before)
        out["baseline"] = first.summary(concept)
        out["gain"] = {
            name: paired_difference(mine, theirs, clusters=concept).as_dict()
            for name, mine, theirs in (
                ("top1", after.correct, first.correct),
                ("acceptable_top1", after.accepted, first.accepted),
            )
        }
    return out


def recognise_level1(model: GlassModel, dataset: GroupedDataset) -> LevelRecognition:
    """Recognition at level 1 among all concepts of the taxonomy, and nothing else."""
    seen = embed(model, dataset)
    return recognise_labels(
        seen.picture, seen.concept, dataset.labels(1), dataset.targets(1), dataset.acceptable(1)
    )


def pool(parts: list[LevelRecognition]) -> LevelRecognition:
    """Recognitions over the same labels, put together."""
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in vars(parts[0])
        if name != "labels"
    }
    return LevelRecognition(labels=parts[0].labels, **arrays)
