"""Ask a model: which concepts is this picture near to, which pictures is this phrase near to?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from PIL import Image

from glasskit.data.schema import LEVELS
from glasskit.errors import InputError
from glasskit.io.pictures import open_image
from glasskit.io.text_files import checked, distinct
from glasskit.models.features import embed_dataset_images
from glasskit.models.glass_model import checked_finite
from glasskit.models.prompts import concept_vectors
from glasskit.models.reading import check_query, tell_unread
from glasskit.models.standard import (
    BLEND,
    Standard,
    blend,
    check_scores,
    label_scores,
    reference_rows,
)
from glasskit.models.vectors import nearest, top_k, unit

if TYPE_CHECKING:
    from glasskit.data.grouped import GroupedDataset
    from glasskit.models import GlassModel

MAX_TEXT = 500
"""Longest phrase in characters; the towers read fewer tokens than that."""

KEPT_LISTS = 16
"""Lists of names whose vectors are kept, for the same ones are asked for again."""

KEPT_PICTURES = 16
"""Pictures whose features are kept in memory: a further question about one needs no pass."""

MAX_CANDIDATES = 1000
"""Most names that one picture is compared with at a time."""

SAME = 0.9999
"""Cosine from which a picture counts as one of the data set's own."""


class ConceptScore(NamedTuple):
    """A concept and the picture's score of it: cosine similarity, or standard score."""

    name: str
    score: float


class ImageScore(NamedTuple):
    """A record of the data set and the cosine similarity of the query to its picture."""

    index: int  # type: ignore[assignment]  # the name hides tuple's method, which nobody needs
    key: str
    score: float


class Probe:
    """Compares pictures and phrases with the concepts and pictures of a data set.

    Vectors of the data set are computed when they are first asked for, and kept.

    Args:
        model: any GlassModel.
        dataset: whose concepts are the default candidates and whose pictures are searched.
        concepts: (c, L) vectors of the data set's level-1 concepts, where they are at hand.
        pictures: (n, L) vectors of its pictures, where they are at hand.
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
        self.warn = warn
        self._concepts = concepts
        self._pictures = pictures
        self._check = lru_cache(KEPT_LISTS)(self._check_names)
        self._embed = lru_cache(KEPT_LISTS)(self._embed_names)
        self._standard = lru_cache(KEPT_LISTS)(self._standard_of)

    def concepts(
        self,
        image: Image.Image | str | Path | np.ndarray,
        candidates: Sequence[str] | None = None,
        k: int = 5,
        scores: str = "cosine",
    ) -> list[ConceptScore]:
        """The k concepts of highest score for a picture, best first.

        Args:
            image: a PIL picture, the path of one, or its (L,) vector.
            candidates: any names; those of the data set where none are given.
            k: how many; all candidates where there are fewer.
            scores: "cosine": which concept is this picture most about? "standard": for which is it
                unusual, in standard deviations from the mean of the data set's train pictures (of
                all its pictures where it has no train split; see ``models.standard``)?

        Raises:
            InputError: the picture can't be read, or a candidate is empty, too long, or has no word
                that the model knows.
        """
        names, found = self.all_scores(image, candidates, scores)
        return ranked(names, found, k)

    def all_scores(
        self,
        image: Image.Image | str | Path | np.ndarray,
        candidates: Sequence[str] | None = None,
        scores: str = "cosine",
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """The candidates and the (c,) score of each, in their order; see ``concepts``."""
        check_scores(scores)
        vector = self.image_vector(image)
        if candidates is None:
            names = self.dataset.labels(1)
        else:
            names = tuple(checked_names(candidates))
            self._check(names)
        standard = self._standard(names) if scores == "standard" else None
        return names, label_scores(vector[None], unit(self._bank(names)), standard)[0]

    def levels(
        self, image: Image.Image | str | Path | np.ndarray, scores: str = "cosine"
    ) -> list[ConceptScore]:
        """The best name of level 2, of level 3 and of level 4, where the data set has them."""
        vector, found = self.image_vector(image), []
        for level in range(2, len(LEVELS) + 1):
            names = self.dataset.labels(level)
            if names:
                found += self.concepts(vector, names, 1, scores)
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
        found = nearest(vector, self.picture_vectors, _positive(k))
        return [
            ImageScore(int(i), self.dataset.records[i].key, float(score))
            for i, score in zip(found.index[0], found.score[0], strict=True)
        ]

    def combine(
        self, image: Image.Image | Path | np.ndarray, phrase: str | np.ndarray, sign: int = 1
    ) -> np.ndarray:
        """(L,) unit vector of picture + phrase (sign 1) or picture - phrase (sign -1)."""
        if sign not in (1, -1):
            raise InputError(f"sign {sign}: choose 1 to add the phrase or -1 to take it away")
        words = self.text_vectors([phrase])[0] if isinstance(phrase, str) else phrase
        return unit(self.image_vector(image) + sign * words)

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
            self._pictures = np.asarray(embed_dataset_images(self.model, self.dataset).detach())
        return self._pictures

    def named_vectors(self, names: Sequence[str]) -> np.ndarray:
        """(c, L) vectors of names; those of the last few lists of names are kept."""
        return self._embed(tuple(names))

    def _embed_names(self, names: tuple[str, ...]) -> np.ndarray:
        return np.asarray(concept_vectors(self.model, list(names)).detach())

    def _bank(self, names: tuple[str, ...]) -> np.ndarray:
        """(c, L) vectors of names, which may be the data set's concepts."""
        own = names == self.dataset.labels(1)
        return self.concept_vectors if own else self.named_vectors(names)

    def _standard_of(self, names: tuple[str, ...]) -> Standard:
        reference = self.picture_vectors[reference_rows(self.dataset)]
        return Standard.over(reference, self._bank(names))

    def _check_names(self, names: tuple[str, ...]) -> None:
        """Raise InputError for a name that the model does not know; warn once of one half known."""
        for name in names:
            check_query(self.model, name, warn=self.warn)


class Both(NamedTuple):
    """An answer of each model."""

    before: list
    after: list


Pair = tuple[np.ndarray, np.ndarray]
"""A vector by each model."""


class Comparison:
    """The same question to two models, such as before and after training.

    A picture or a phrase goes through shared towers only once.

    Args:
        before: the model that is compared with, usually untrained.
        after: the other model; both are of one data set.

    Attributes:
        shared: whether both have the same towers, so that one pass serves both.
    """

    def __init__(self, before: Probe, after: Probe) -> None:
        self.before = before
        self.after = after
        self.shared = before.model.tower_hash == after.model.tower_hash
        self._features: dict[bytes, tuple[torch.Tensor, torch.Tensor]] = {}  # the oldest first
        self._lock = Lock()

    def concepts(
        self,
        image: Image.Image | Path | Pair,
        candidates: Sequence[str] | None = None,
        k: int = 5,
        scores: str = "cosine",
    ) -> Both:
        """``Probe.concepts`` by each model: two lists of ``ConceptScore``."""
        first, second = self._query(image)
        return Both(
            self.before.concepts(first, candidates, k, scores),
            self.after.concepts(second, candidates, k, scores),
        )

    def blend(
        self,
        image: Image.Image | Path | Pair,
        candidates: Sequence[str] | None = None,
        k: int = 5,
        weights: tuple[float, float] = BLEND,
    ) -> list[ConceptScore]:
        """The k concepts of highest weighted sum of both models' standard scores, best first.

        The trained model knows trained concepts better, the untrained one all others; the sum keeps
        most of both.
        """
        first, second = self._query(image)
        names, before = self.before.all_scores(first, candidates, "standard")
        _, after = self.after.all_scores(second, candidates, "standard")
        return ranked(names, blend((before, after), weights), k)

    def images(self, query: str | Image.Image | Path | Pair, k: int = 12) -> Both:
        """Pictures nearest to a phrase or picture, by each model: two lists of ``ImageScore``."""
        first, second = self._query(query)
        return Both(self.before.images(first, k), self.after.images(second, k))

    def known(self, vectors: Pair) -> int | None:
        """The index of the data set's picture that this very picture is, or None."""
        best = self.before.images(vectors[0], 1)[0]
        return best.index if best.score >= SAME else None

    def mix(self, image: Image.Image | Path | Pair, phrase: str, sign: int = 1) -> Pair:
        """``Probe.combine`` by each model: picture + phrase (sign 1) or picture - phrase (-1)."""
        words, seen = self.text_vectors(phrase), self._query(image)
        return (
            self.before.combine(seen[0], words[0], sign),
            self.after.combine(seen[1], words[1], sign),
        )

    def image_features(self, image: Image.Image | Path) -> tuple[torch.Tensor, torch.Tensor]:
        """A picture's (1, F) features by each model's tower; those of the last few are kept."""
        if isinstance(image, Path):
            image = open_image(image)
        key = sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).digest()
        found = self._features.get(key)
        if found is None:
            first = self.before.model.image_tower([image])
            found = first, first if self.shared else self.after.model.image_tower([image])
            with self._lock:
                self._features[key] = found
                if len(self._features) > KEPT_PICTURES:
                    del self._features[next(iter(self._features))]
        return found

    def image_vectors(self, image: Image.Image | Path) -> Pair:
        """A picture's (L,) vector by each model.

        Raises:
            InputError: the picture can't be read, or a vector is not finite.
        """
        first, second = self.image_features(image)
        before, after = self.before.model, self.after.model
        with torch.inference_mode():
            return (
                _only(before, before.embed_image_features(first.to(before.device))),
                _only(after, after.embed_image_features(second.to(after.device))),
            )

    def text_vectors(self, text: str) -> Pair:
        """A phrase's (L,) vector by each model."""
        before, after = self.before.model, self.after.model
        if not self.shared:
            return self.before.text_vectors([text])[0], self.after.text_vectors([text])[0]
        text = checked_text(text)
        check_query(before, text, warn=self.before.warn)
        with torch.inference_mode():
            features = before.text_tower([text])
            return (
                _only(before, before.embed_text_features(features.to(before.device))),
                _only(after, after.embed_text_features(features.to(after.device))),
            )

    def _query(self, query: str | Image.Image | Path | Pair) -> Pair:
        if isinstance(query, tuple):
            return query
        if isinstance(query, str):
            return self.text_vectors(query)
        return self.image_vectors(query)


def ranked(names: Sequence[str], scores: np.ndarray, k: int) -> list[ConceptScore]:
    """The k names of largest (c,) score, best first, of equal scores the earlier name first."""
    return [ConceptScore(names[i], float(scores[i])) for i in top_k(scores, _positive(k))]


def checked_names(names: Sequence[str]) -> list[str]:
    """Candidates, each once.

    Raises:
        InputError: no list, an empty one, more than ``MAX_CANDIDATES``, or a name that is none.
    """
    if isinstance(names, str):
        raise InputError("candidates: give a list of names, not one text")
    found = distinct(checked_text(name, "a concept") for name in names)
    if not found:
        raise InputError("candidates: the list is empty; name at least one concept")
    if len(found) > MAX_CANDIDATES:
        raise InputError(
            f"candidates: {len(found)} names are more than the limit of {MAX_CANDIDATES}"
        )
    return found


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


def _only(model: GlassModel, vectors: torch.Tensor) -> np.ndarray:
    """(L,) the one vector of a batch of one; InputError where it is not finite."""
    return checked_finite(model, vectors.cpu()).numpy()[0]


def _positive(k: int) -> int:
    if k < 1:
        raise InputError(f"k = {k}: ask for at least 1")
    return k
