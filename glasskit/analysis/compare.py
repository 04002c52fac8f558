"""The same question to two models, such as one before and after training, towers passed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from glasskit.analysis.probe import Probe, checked_text, mixed
from glasskit.io.pictures import open_image
from glasskit.models.glass_model import checked_finite
from glasskit.models.reading import check_query

SAME = 0.9999
"""Cosine from which a picture counts as one of the data set's own."""


class Both(NamedTuple):
    """An answer of each model."""

    before: list
    after: list


class Comparison:
    """Two probes of one data set; a picture goes through shared towers only once.

    Args:
        before: the model that is compared with, usually untrained.
        after: the other model.

    Attributes:
        shared: whether both have the same towers, so that one pass serves both.
    """

    def __init__(self, before: Probe, after: Probe) -> None:
        self.before = before
        self.after = after
        self.shared = before.model.tower_hash == after.model.tower_hash

    def concepts(
        self,
        image: Image.Image | Path | tuple[np.ndarray, np.ndarray],
        candidates: Sequence[str] | None = None,
        k: int = 5,
    ) -> Both:
        """The concepts nearest to a picture, by each model: two lists of ``ConceptScore``."""
        first, second = self._query(image)
        return Both(
            self.before.concepts(first, candidates, k), self.after.concepts(second, candidates, k)
        )

    def images(
        self, query: str | Image.Image | Path | tuple[np.ndarray, np.ndarray], k: int = 12
    ) -> Both:
        """Pictures nearest to a phrase or picture, by each model: two lists of ``ImageScore``."""
        first, second = self._query(query)
        return Both(self.before.images(first, k), self.after.images(second, k))

    def known(self, vectors: tuple[np.ndarray, np.ndarray]) -> int | None:
        """The index of the data set's picture that this very picture is, or None."""
        best = self.before.images(vectors[0], 1)[0]
        return best.index if best.score >= SAME else None

    def image_features(self, image: Image.Image | Path) -> tuple[torch.Tensor, torch.Tensor]:
        """A picture's (1, F) features by each model's tower."""
        if isinstance(image, Path):
            image = open_image(image)
        first = self.before.model.image_tower([image])
        return first, first if self.shared else self.after.model.image_tower([image])

    def image_vectors(
        self,
        image: Image.Image | Path,
        features: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A picture's (L,) vector by each model; ``features`` are its own where they are at hand.

        Raises:
            InputError: the picture can't be read, or a vector is not finite.
        """
        if features is None:
            features = self.image_features(image)
        vectors = []
        with torch.inference_mode():
            for probe, seen in zip((self.before, self.after), features, strict=True):
                vector = probe.model.embed_image_features(seen.to(probe.model.device))
                vectors.append(checked_finite(probe.model, vector.cpu()).numpy()[0])
        return vectors[0], vectors[1]

    def mix(
        self,
        image: Image.Image | Path | tuple[np.ndarray, np.ndarray],
        phrase: str,
        sign: int = 1,
    ) -> tuple[np.ndarray, np.ndarray]:
        """By each model the (L,) vector of picture + phrase (sign 1) or picture - phrase (-1)."""
        words, seen = self.text_vectors(phrase), self._query(image)
        first, second = (
            mixed(picture, text, sign) for picture, text in zip(seen, words, strict=True)
        )
        return first, second

    def text_vectors(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """A phrase's (L,) vector by each model."""
        text = checked_text(text)
        check_query(self.before.model, text, warn=self.before.warn)
        if not self.shared:
            return self.before.text_vectors([text])[0], self.after.text_vectors([text])[0]
        with torch.inference_mode():
            features = self.before.model.text_tower([text])
            first, second = (
                probe.model.embed_text_features(features.to(probe.model.device)).cpu().numpy()[0]
                for probe in (self.before, self.after)
            )
        return first, second

    def _query(
        self, query: str | Image.Image | Path | tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(query, tuple):
            return query
        if isinstance(query, str):
            return self.text_vectors(query)
        return self.image_vectors(query)
