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
from glasskit.models.standard import Standard

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
        reference: (m, L) pictures that standard scores are held against; None: scores are cosines.
    """

    labels: dict[int, np.ndarray]
    texts: np.ndarray
    place: dict[str, int]
    reference: np.ndarray | None = None

    def of(self, sentences: Sequence[str]) -> np.ndarray:
        """(len, L) vectors of sentences of the data set."""
        return self.texts[[self.place[sentence] for sentence in sentences]]

    def standard(self, level: int) -> Standard | None:
        """What makes standard scores of the cosines to a level's labels; None for cosines."""
        if self.reference is None:
            return None
        return Standard.over(self.reference, self.labels[level])


def embed_all(
    model: GlassModel,
    dataset: GroupedDataset,
    progress: Progress | None = None,
    reference: GroupedDataset | None = None,
) -> EvaluationVectors:
    """Embed pictures (through the feature cache), labels (prompt ensemble) and sentences.

    Args:
        model: a GlassModel.
        dataset: what is measured.
        progress: called with (done, total) pictures.
        reference: whose pictures standard scores are held against.

    Raises:
        InputError: the data set is empty, a picture is missing or broken, a vector is not finite.
    """
    from glasskit.models.features import embed_dataset_images, embed_texts
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
    seen = None if reference is None else unit_array(embed_dataset_images(model, reference))
    return EvaluationVectors(**vars(first), labels=labels, texts=texts, place=place, reference=seen)


def sentences_of(dataset: GroupedDataset) -> dict[str, int]:
    """Every distinct caption and negation of a data set, numbered in order of appearance."""
    sentences = [
        sentence
        for record in dataset.records
        for sentence in (*record.captions, record.negation)
        if sentence
    ]
    return {sentence: row for row, sentence in enumerate(dict.fromkeys(sentences))}
