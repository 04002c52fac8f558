"""Ask a model: which concepts is this picture near to, which pictures is this phrase near to?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from glasskit.analysis.mapped import nearest_mapped
from glasskit.data.schema import LEVELS
from glasskit.errors import InputError
from glasskit.io.pictures import open_image
from glasskit.io.text_files import checked, distinct
from glasskit.models.reading import check_query, tell_unread
from glasskit.models.vectors import nearest, unit

if TYPE_CHECKING:
    from glasskit.data.grouped import GroupedDataset
    from glasskit.models import GlassModel

MAX_TEXT = 500
"""Longest phrase in characters; the towers read fewer tokens than that."""

KEPT_LISTS = 16
"""Lists of names whose vectors are kept, for the same ones are asked for again."""

MAX_CANDIDATES = 1000
"""Most names that one picture is compared with at a time."""


class ConceptScore(NamedTuple):
    """A concept and the cosine similarity of the picture to it."""

    name: str
    score: float


class ImageScore(NamedTuple):
    """A record of the data set and the cosine similarity of the query to its picture."""

    index: int
    key: str
    score: float


class Probe:
    """Compares pictures and phrases with the concepts and pictures of a data set.

    Vectors of the data set are computed when they are first asked for, and kept.

    Args:
        model: any GlassModel.
        dataset: whose concepts are the default candidates and whose pictures are searched.
        concepts: (c, L) vectors of the data set's level-1 concepts, where they are at hand.
        pictures: (n, L) vectors of its pictures, where they are at hand. A mapped array, such as
            that of a `Library`, is searched on disk; its vectors must be of length 1.
        warn: whether the log tells of texts that are read only in part, and quotes them.
    """

    def __init__(
        self,
        model: GlassModel,
        dataset: GroupedDataset,
        *,
        concepts: np.ndarray | None = None,
        pictures: np.ndarray | None = None,
        warn: bool = True,
    ) -> None:
        self.model = model
        self.dataset = dataset
        self._concepts = concepts
        self._pictures = pictures
        self.warn = warn
        self._named_before: dict[tuple[str, ...], np.ndarray] = {}

    def concepts(
        self,
        image: Image.Image | str | Path | np.ndarray,
        candidates: Sequence[str] | None = None,
        k: int = 5,
    ) -> list[ConceptScore]:
        """The k concepts nearest to a picture, best first.

        Args:
            image: a PIL picture, the path of one, or its (L,) vector.
            candidates: any names; those of the data set where none are given.
            k: how many; all candidates where there are fewer.

        Raises:
            InputError: the picture can't be read, or a candidate is empty, too long, or has no word
                that the model knows.
        """
        vector = self.image_vector(image)
        names, bank = self._candidates(candidates)
        found = nearest(vector, bank, _positive(k))
        return [
            ConceptScore(names[i], float(score))
            for i, score in zip(found.index[0], found.score[0], strict=True)
        ]

    def levels(self, image: Image.Image | str | Path | np.ndarray) -> list[ConceptScore]:
        """The nearest name of level 2, of level 3 and of level 4, where the data set has them."""
        vector, found = self.image_vector(image), []
        for level in range(2, len(LEVELS) + 1):
            names = self.dataset.labels(level)
            if names:
                found += self.concepts(vector, names, 1)
        return found

    def images(
        self, text_or_image: str | Image.Image | Path | np.ndarray, k: int = 12
    ) -> list[ImageScore]:
        """The k pictures of the data set nearest to a phrase or a picture, best first.

        Args:
            text_or_image: a phrase (any str), a PIL picture, the ``Path`` of one, or a (L,) vector.
            k: how many; all pictures where there are fewer.

        Raises:
            InputError: the phrase is empty, too long, or has no word that the model knows, or the
                picture can't be read.
        """
        if isinstance(text_or_image, str):
            vector = self.text_vectors([text_or_image])[0]
        else:
            vector = self.image_vector(text_or_image)
        bank = self.picture_vectors
        search = nearest_mapped if isinstance(bank, np.memmap) else nearest
        found = search(vector, bank, _positive(k))
        return [
            ImageScore(int(i), self.dataset.records[i].key, float(score))
            for i, score in zip(found.index[0], found.score[0], strict=True)
        ]

    def combine(
        self, image: Image.Image | Path | np.ndarray, phrase: str, sign: int = 1
    ) -> np.ndarray:
        """(L,) unit vector of picture + phrase (sign 1) or picture - phrase (sign -1)."""
        return mixed(self.image_vector(image), self.text_vectors([phrase])[0], sign)

    def image_vector(self, image: Image.Image | str | Path | np.ndarray) -> np.ndarray:
        """(L,) unit vector of a picture; a vector passes through."""
        if isinstance(image, np.ndarray) and image.ndim == 1:
            return unit(image)
        if isinstance(image, (str, Path)):
            image = open_image(Path(image))
        if not isinstance(image, Image.Image):
            raise InputError("a probe takes a picture, the path of one, or its vector")
        return np.asarray(self.model.encode_images([image]))[0]

    def text_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, L) unit vectors of phrases as they stand, without a prompt.

        Raises:
            InputError: a phrase is empty, too long, or has no word that the model knows.
        """
        phrases = [checked_text(text) for text in texts]
        for phrase in phrases:
            check_query(self.model, phrase, warn=self.warn)
        return np.asarray(self.model.encode_texts(phrases))

    @property
    def concept_vectors(self) -> np.ndarray:
        """(c, L) vectors of the data set's level-1 concepts."""
        if self._concepts is None:
            names = self.dataset.labels(1)
            tell_unread(self.model, names, "concept names")
            self._concepts = self.named_vectors(names)
        return self._concepts

    @property
    def picture_vectors(self) -> np.ndarray:
        """(n, L) vectors of the data set's pictures, from the feature cache where it has them."""
        if self._pictures is None:
            from glasskit.models.features import embed_dataset_images

            self._pictures = np.asarray(embed_dataset_images(self.model, self.dataset).detach())
        return self._pictures

    def _candidates(self, names: Sequence[str] | None) -> tuple[Sequence[str], np.ndarray]:
        if names is None:
            return self.dataset.labels(1), self.concept_vectors
        if isinstance(names, str):
            raise InputError("candidates: give a list of names, not one text")
        names = distinct(checked_text(name, "a concept") for name in names)
        if not names:
            raise InputError("candidates: the list is empty; name at least one concept")
        if len(names) > MAX_CANDIDATES:
            raise InputError(
                f"candidates: {len(names)} names are more than the limit of {MAX_CANDIDATES}"
            )
        if tuple(names) not in self._named_before:
            for name in names:
                check_query(self.model, name, warn=self.warn)
        return names, self.named_vectors(names)

    def named_vectors(self, names: Sequence[str]) -> np.ndarray:
        """(c, L) vectors of names; those of the last few lists of names are kept."""
        from glasskit.models.prompts import concept_vectors

        key = tuple(names)
        if key not in self._named_before:
            if len(self._named_before) >= KEPT_LISTS:
                self._named_before.pop(next(iter(self._named_before)), None)
            self._named_before[key] = np.asarray(concept_vectors(self.model, list(key)).detach())
        return self._named_before[key]


def mixed(picture: np.ndarray, phrase: np.ndarray, sign: int) -> np.ndarray:
    """(L,) unit vector of picture + phrase (sign 1) or picture - phrase (sign -1)."""
    if sign not in (1, -1):
        raise InputError(f"sign {sign}: choose 1 to add the phrase or -1 to take it away")
    return unit(picture + sign * phrase)


def checked_text(text: str, what: str = "the phrase") -> str:
    """A phrase without space around it; ``what`` begins the line of an error.

    Raises:
        InputError: it is no text, empty, or longer than ``MAX_TEXT`` characters.
    """
    if not isinstance(text, str):
        raise InputError(f"{what} must be text, not {type(text).__name__}")
    text = " ".join(checked(text, what).split())
    if not text:
        raise InputError(f"{what} is empty; type a word or a sentence")
    if len(text) > MAX_TEXT:
        raise InputError(f"{what} has {len(text)} characters, more than the limit of {MAX_TEXT}")
    return text


def _positive(k: int) -> int:
    if k < 1:
        raise InputError(f"k = {k}: ask for at least 1")
    return k
