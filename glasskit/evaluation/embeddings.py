"""Every vector that the measures of one model on one data set need, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS
from glasskit.errors import InputError
from glasskit.models.embedding import Embedding, embed, unit_array

if TYPE_CHECKING:
    from glasskit.models import GlassModel
    from glasskit.models.glass_model import Progress


@dataclass(frozen=True, eq=False)
class EvaluationVectors(Embedding):
    """An embedding with the labels of every level and every sentence.

    Args:
        labels: level (1 to 4) to (c, L), in the order of ``dataset.labels(level)``.
        texts: (t, L), one a distinct sentence.
        place: sentence to its row in ``texts``.
    """

    labels: dict[int, np.ndarray]
    texts: np.ndarray
    place: dict[str, int]

    def of(self, sentences: Sequence[str]) -> np.ndarray:
        """(len, L) vectors of sentences of the data set."""
        return self.texts[[self.place[sentence] for sentence in sentences]]


def embed_all(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> EvaluationVectors:
    """Embed pictures (through the feature cache), labels (prompt ensemble) and sentences.

    Raises:
        InputError: the data set is empty, a picture is missing or broken, a vector is not finite.
    """
    from glasskit.models.features import embed_texts
    from glasskit.models.prompts import concept_vectors
    from glasskit.models.reading import tell_unread

    if not len(dataset):
        raise InputError(f"data set {dataset.name!r} has no records to evaluate")
    first = embed(model, dataset, progress)
    labels = {
        level: unit_array(concept_vectors(model, list(names)))
        for level in range(1, len(LEVELS) + 1)
        if (names := dataset.labels(level))
    }
    place = sentences_of(dataset)
    tell_unread(model, list(place), "captions")
    tell_unread(model, dataset.labels(1), "concept names")
    texts = unit_array(embed_texts(model, list(place)))
    return EvaluationVectors(**vars(first), labels=labels, texts=texts, place=place)


def sentences_of(dataset: GroupedDataset) -> dict[str, int]:
    """Every distinct caption and negation of a data set, numbered in order of appearance."""
    sentences = [
        sentence
        for record in dataset.records
        for sentence in (*record.captions, record.negation)
        if sentence
    ]
    return {sentence: row for row, sentence in enumerate(dict.fromkeys(sentences))}
