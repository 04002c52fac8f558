"""A data set as one model sees it: vectors of its pictures, captions and concepts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from glasskit.models.recognition import Recognition, recognise
from glasskit.models.vectors import products, unit

if TYPE_CHECKING:
    from glasskit.data.grouped import GroupedDataset
    from glasskit.models.glass_model import GlassModel, Progress


@dataclass(frozen=True, eq=False)
class Embedding:
    """Unit vectors of one data set by one model. n records, c concepts, L width.

    Attributes:
        picture: (n, L) float32.
        caption: (n, L) float32, the first literal caption of each record.
        concept: (c, L) float32, in the order of the data set's level-1 labels.
    """

    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray

    def recognised(self, carried: np.ndarray) -> Recognition:
        """Place of each record's own concept among all, and the nearest one.

        Of a record with several labels the own concept is the label that it comes nearest to; one
        without a label has rank 0.

        Args:
            carried: (n, c) bool, the labels of each record, one, several or none.
        """
        own = np.where(carried, products(self.picture, self.concept), -np.inf)
        found = recognise(self.picture, self.concept, own.argmax(axis=1))
        return replace(found, rank=np.where(carried.any(axis=1), found.rank, 0))


def embed(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> Embedding:
    """Embed pictures, first captions and concepts of a data set, through the feature cache.

    Args:
        model: any GlassModel.
        dataset: with its pictures, or with image features that it ships.
        progress: called with (done, total) pictures.

    Raises:
        InputError: a picture is missing or broken, or a vector is not finite.
    """
    from glasskit.models.features import embed_dataset_images, embed_texts
    from glasskit.models.prompts import concept_vectors

    captions = [record.captions[0] for record in dataset.records]
    return Embedding(
        picture=unit_array(embed_dataset_images(model, dataset, progress)),
        caption=unit_array(embed_texts(model, captions)),
        concept=unit_array(concept_vectors(model, list(dataset.labels(1)))),
    )


def unit_array(vectors: Tensor) -> np.ndarray:
    """(n, L) vectors of a model as unit rows of numpy."""
    return unit(vectors.detach().cpu().numpy())
