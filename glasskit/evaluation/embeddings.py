"""Every vector that the measures of one model on one data set need, made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS
from glasskit.errors import InputError
from glasskit.models.vectors import unit_rows

if TYPE_CHECKING:
    from glasskit.models import GlassModel

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Unit vectors of pictures, labels and sentences.

    Args:
        images: (n, L), in the order of the records.
        labels: level (1 to 4) to (c, L), in the order of ``dataset.labels(level)``.
        texts: (t, L), one a distinct sentence.
        place: sentence to its row in ``texts``.
    """

    images: np.ndarray
    labels: dict[int, np.ndarray]
    texts: np.ndarray
    place: dict[str, int]

    def of(self, sentences: Sequence[str]) -> np.ndarray:
        """(len, L) vectors of sentences of the data set."""
        return self.texts[[self.place[sentence] for sentence in sentences]]


def embed(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> Embeddings:
    """Embed pictures (through the feature cache), labels (prompt ensemble) and sentences.

    Raises:
        InputError: the data set is empty, a picture is missing or broken, a vector is not finite.
    """
    from glasskit.models.features import embed_dataset_images, embed_texts
    from glasskit.models.prompts import concept_vectors
    from glasskit.models.reading import tell_unread

    if not len(dataset):
        raise InputError(f"data set {dataset.name!r} has no records to evaluate")
    images = embed_dataset_images(model, dataset, progress)
    labels = {
        level: unit_rows(concept_vectors(model, list(names)), f"level {level} concept vectors")
        for level in range(1, len(LEVELS) + 1)
        if (names := dataset.labels(level))
    }
    place = sentences_of(dataset)
    tell_unread(model, list(place), "captions")
    tell_unread(model, dataset.labels(1), "concept names")
    texts = embed_texts(model, list(place))
    return Embeddings(
        unit_rows(images, "image vectors"), labels, unit_rows(texts, "caption vectors"), place
    )


def sentences_of(dataset: GroupedDataset) -> dict[str, int]:
    """Every distinct caption and negation of a data set, numbered in order of appearance."""
    place: dict[str, int] = {}
    for record in dataset.records:
        for sentence in (*record.captions, *([record.negation] if record.negation else [])):
            place.setdefault(sentence, len(place))
    return place
