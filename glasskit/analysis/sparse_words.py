"""A picture as a sum of a few vocabulary words: what its vector is made of, and how much it holds.

SpLiCE (Bhalla et al. 2024, arXiv 2402.10376): minus the mean of its kind, a picture's vector is
close to a sparse sum, without negative weights, of the vectors of words. Letters: w words, L width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.optimize import nnls

from glasskit.analysis.probe import Probe, checked_names
from glasskit.data.vocabulary import vocabulary_names
from glasskit.models.standard import reference_rows
from glasskit.models.vectors import unit

MOST = 10
"""Words of a sum: as many as one reads at a glance."""

KNOTS = 4
"""Steps of the path for each word that is asked for; a word may also leave the sum again."""


class Word(NamedTuple):
    """A word and its weight in a sum, above 0."""

    name: str
    weight: float


class WordSum(NamedTuple):
    """A picture's vector as a sum of words.

    Attributes:
        words: of largest weight first.
        cosine: of the sum to the picture's vector, both relative to the mean picture.
    """

    words: list[Word]
    cosine: float

    @property
    def share(self) -> float:
        """Share of the vector's squared length that lies along the sum, 0 to 1."""
        return self.cosine**2


def sparse_words(
    probe: Probe,
    image: Image.Image | str | Path | np.ndarray,
    words: Sequence[str] | None = None,
    most: int = MOST,
) -> WordSum:
    """Write a picture as a sum of at most so many words.

    The picture's vector is taken relative to the mean of the data set's train pictures, the words'
    vectors relative to their own mean; both then have length 1.

    >>> probe = Probe(load_model("lite0-glass"), load_dataset("coco-ideas"))  # doctest: +SKIP
    >>> sparse_words(probe, "photo.jpg").words[0].name  # doctest: +SKIP
    'beach holiday'

    Args:
        probe: the model and the data set whose pictures make the mean.
        image: a PIL picture, the path of one, or its (L,) vector.
        words: those that may be in the sum; the names of the built-in vocabulary if None.
        most: words of the sum.

    Raises:
        InputError: the picture can't be read, or a word is empty, too long or one of too many.
    """
    names = vocabulary_names() if words is None else checked_names(words)
    vectors, mean = probe.named_vectors(names), probe.picture_vectors[reference_rows(probe.dataset)]
    picture = unit(probe.image_vector(image) - mean.mean(axis=0))
    weights, cosine = sparse_sum(picture, unit(vectors - vectors.mean(axis=0)), most)
    order = np.argsort(-weights, kind="stable")[: np.count_nonzero(weights)]
    return WordSum([Word(names[i], float(weights[i])) for i in order], cosine)


def sparse_sum(vector: np.ndarray, words: np.ndarray, most: int = MOST) -> tuple[np.ndarray, float]:
    """Weights a >= 0, at most so many above 0, with which sum_i a_i word_i is near to a vector.

    The Lasso chooses the words: min 1/2 |x - sum_i a_i word_i|^2 + penalty sum_i a_i, a >= 0, along
    its whole path (Efron et al. 2004), at the smallest penalty before one word too many comes in.
    The penalty also makes the weights of the chosen words smaller than they should be; so least
    squares without a penalty, a >= 0, weighs them.

    Args:
        vector: (L,). words: (w, L) unit rows. most: weights above 0.

    Returns:
        (w,) weights, and the cosine of the sum to the vector, 0 for a sum of nothing.
    """
    from sklearn.linear_model import lars_path_gram  # a second of the app's start, if above

    x, bank = vector.astype(np.float64), words.astype(np.float64)
    _, _, path = lars_path_gram(
        bank @ x, bank @ bank.T, n_samples=1, method="lasso", positive=True, max_iter=KNOTS * most
    )  # (w, knots), from the largest penalty to the smallest
    few = np.count_nonzero(path, axis=0) <= most
    last = len(few) if few.all() else int(few.argmin())  # few.argmin(): the first that is not
    chosen = np.flatnonzero(path[:, last - 1])
    weights = np.zeros(len(words))
    if not len(chosen):
        return weights, 0.0
    weights[chosen], _ = nnls(bank[chosen].T, x)
    total = weights @ bank
    return weights, float(unit(total) @ unit(x))
