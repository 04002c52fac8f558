"""A data set as one model sees it: vectors of its pictures, captions and concepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glasskit.models.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from glasskit.data.grouped import GroupedDataset
    from glasskit.models import GlassModel


ROWS_AT_A_TIME = 4096
"""Pictures compared with all concepts at a time; bounds memory at 4096 x c similarities."""


class Recognised(NamedTuple):
    """Where each picture's own concept stands among all.

    Attributes:
        rank: (n,) place of the own concept, 1 the nearest; ties count against it.
        top: (n,) index of the nearest concept.
    """

    rank: np.ndarray
    top: np.ndarray


@dataclass(frozen=True)
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

    def ranks(self, targets: np.ndarray) -> np.ndarray:
        """(n,) place of each record's own concept among all, 1 the nearest; ties count against it.

        Args:
            targets: (n,) index of the own concept.
        """
        return self.recognised(targets).rank

    def recognised(self, targets: np.ndarray) -> Recognised:
        """Place of each record's own concept and the nearest concept, without all n x c at a time.

        Args:
            targets: (n,) index of the own concept.
        """
        n = len(self.picture)
        rank, top = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        for start in range(0, n, ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            scores = self.picture[rows] @ self.concept.T  # (rows, c)
            own = np.take_along_axis(scores, targets[rows, None], axis=1)
            rank[rows] = (scores >= own).sum(axis=1)
            top[rows] = scores.argmax(axis=1)
        return Recognised(rank, top)


def embed(
    model: GlassModel,
    dataset: GroupedDataset,
    progress: Callable[[int, int], None] | None = None,
) -> Embedding:
    """Embed pictures, first captions and concepts of a data set, through the feature cache.

    Args:
        model: any GlassModel.
        dataset: with its pictures, or with image features that it ships.
        progress: called with (done, total) pictures.

    Raises:
        InputError: a picture is missing or broken.
    """
    from glasskit.models.features import embed_dataset_images, embed_texts
    from glasskit.models.prompts import concept_vectors

    captions = [record.captions[0] for record in dataset.records]
    return Embedding(
        picture=_array(embed_dataset_images(model, dataset, progress=progress)),
        caption=_array(embed_texts(model, captions)),
        concept=_array(concept_vectors(model, list(dataset.labels(1)))),
    )


def _array(vectors: object) -> np.ndarray:
    return unit(np.asarray(vectors.detach().cpu()))  # type: ignore[attr-defined]
