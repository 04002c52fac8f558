"""Scores of names: cosine, or the standard score, which is on one scale for all names and models.

The cosine s_ij of picture i and name j answers "which idea is this picture most about". Some names
are near to every picture, and training moves pictures towards the names that it was given. Where
the question is "for which idea is this picture unusual", each name's cosine is held against those
of reference pictures:

    z_ij = (s_ij - mean_j) / deviation_j

with the mean and standard deviation of the cosine to name j over the reference pictures. This is
a correction of hubs and of the pull towards trained names as in calibrated stacking (Chao et al.
2016, arXiv 1605.04253) and query-bank normalisation (Bogolin et al. 2022, arXiv 2112.12777).

Cosine is the default. Standard scores help names that were not trained and cost some of those that
were. Where some labels are much more frequent than others they cost the first place, for what is
frequent is not unusual. A name that no reference picture is about scores higher.

Letters: n pictures, m reference pictures, c names, L width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glasskit.errors import InputError
from glasskit.models.vectors import SCORES_AT_A_TIME, TIE, products, unit_rows

if TYPE_CHECKING:
    from glasskit.data.grouped import GroupedDataset

BLEND = (0.5, 0.5)
"""Weights of the untrained and the trained model in a blend: their mean.

Chosen on the train pictures of coco-concepts alone, in parts by picture that are at the same time
folds by concept, by the harmonic mean of acceptable top-1 on trained and on left-out concepts
(grouped loss, five seeds): .567, where the untrained model's standard scores have .541 and the
trained one's .505. From .4 to .6 it moves by a point in a thousand.
"""

SCORES = ("cosine", "standard")
"""The scores that can be asked for."""


@dataclass(frozen=True, eq=False)
class Standard:
    """What turns cosines to c names into standard scores.

    Attributes:
        mean: (c,) float32, of the cosines of the reference pictures to each name.
        scale: (c,) float32, 1 / their standard deviation; 0 where that is at most ``TIE``. Where
            the reference pictures are all equally near to a name, or there is only one, nothing can
            be said to be unusual: every picture's standard score is 0 there, as that of the mean.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def over(cls, reference: np.ndarray, names: np.ndarray) -> Standard:
        """Means and deviations over reference pictures.

        Args:
            reference: (m, L) vectors of the pictures. names: (c, L).

        Raises:
            InputError: no vectors, or one that is not finite.
        """
        reference = unit_rows(reference, "reference pictures")
        names = unit_rows(names, "name vectors")
        mean, deviation = np.empty((2, len(names)))
        at_once = max(1, SCORES_AT_A_TIME // len(reference))
        for start in range(0, len(names), at_once):
            part = slice(start, start + at_once)
            scores = products(reference, names[part])  # (m, at_once)
            mean[part] = scores.mean(axis=0, dtype=np.float64)
            deviation[part] = scores.std(axis=0, dtype=np.float64)
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > TIE)
        return cls(mean.astype(np.float32), scale.astype(np.float32))

    @property
    def tie(self) -> np.ndarray:
        """(c,) standard scores closer than this count as equal: ``TIE`` on their scale."""
        return TIE * self.scale


def label_scores(
    images: np.ndarray, names: np.ndarray, standard: Standard | None = None
) -> np.ndarray:
    """(n, c) score of every name for every picture: cosine, or standard scores where given.

    Args:
        images: (n, L) and names: (c, L), unit rows of float32.
        standard: of these names.
    """
    scores = products(images, names)
    return scores if standard is None else (scores - standard.mean) * standard.scale


def blend(scores: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted sum of the standard scores of several models, which are on one scale.

    Args:
        scores: of each model, (n, c) or (c,); all of the same names.
        weights: one a model, from 0.

    Raises:
        InputError: not one weight a model, or weights below 0.
    """
    if len(scores) != len(weights) or min(weights) < 0:
        raise InputError(f"blend: {len(scores)} models need as many weights from 0, not {weights}")
    return np.tensordot(weights, np.stack(scores), axes=1)


def check_scores(name: str) -> None:
    """Raise InputError where there are no scores of this name."""
    if name not in SCORES:
        raise InputError(f"scores {name!r}: choose {' or '.join(SCORES)}")


def reference_rows(dataset: GroupedDataset) -> np.ndarray:
    """(m,) records whose pictures are the reference: the train split; without one, all."""
    train = [row for row, record in enumerate(dataset.records) if record.split == "train"]
    return np.array(train or range(len(dataset)))
