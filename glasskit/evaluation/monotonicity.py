"""Does a picture come nearer to its caption, the more of the caption is read?"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.score import Score
from glasskit.models.embedding import unit_array
from glasskit.models.features import embed_dataset_images, embed_texts
from glasskit.models.vectors import TIE, mean_direction, row_products

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel, Progress

STEPS = 5


def monotonicity(images: np.ndarray, texts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) Spearman's correlation of step and cosine: 1 where every step brings the picture nearer.

    As HiMo@K of HiMo-CLIP (arXiv 2511.06653), with ranks in place of Pearson's correlation. Steps
    that tie share a rank; where all do, it is 0.

    Args:
        images: (n, L) and texts: (t, L), unit rows. rows: (n, S) texts of each picture, step by
            step.
    """
    scores = np.stack([row_products(images, texts[step]) for step in rows.T], axis=1)  # (n, S)
    ranks = rankdata(np.round(scores / TIE), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    order = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2
    spread = np.sqrt(np.square(ranks).sum(axis=1) * np.square(order).sum())
    return np.divide(ranks @ order, spread, out=np.zeros(len(ranks)), where=spread > 0)


def monotone_score(
    images: np.ndarray, texts: np.ndarray, rows: np.ndarray, picture: np.ndarray
) -> Score:
    """``monotonicity``, and blind: of the mean picture in the place of each."""
    mean = np.repeat(mean_direction(images), len(images), axis=0)
    values, blind = (monotonicity(seen, texts, rows) for seen in (images, mean))
    return Score(values, picture, 0.0, blind, lowest=-1.0)


def long_captions(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> dict[str, Score]:
    """``monotonicity`` of all captions of a picture as one text, of which a fifth, two fifths, ...
    of the words are read.

    Literal captions come first, then theme captions that belong to no label. A text that the tower
    cuts off is not asked: past its end nothing more is read.

    Raises:
        InputError: no text is read whole.
    """
    texts = [". ".join((*record.literal, *record.theme)) for record in dataset.records]
    words = [text.split() for text in texts]
    whole = np.array([not model.reading([text]).longer for text in texts])
    asked = whole & np.array([len(own) >= STEPS for own in words])
    note = (
        f"long: {asked.sum()} of {len(asked)} captions are asked; {(~whole).sum()} are longer than "
        f"the {model.reading(texts).length} tokens that {model.base} reads"
    )
    if not asked.any():
        raise InputError(f"{note}; take a model that reads longer texts, or shorter captions")
    parts = [
        " ".join(own[: ceil(len(own) * step / STEPS)])
        for own in words
        for step in range(1, STEPS + 1)
    ]
    rows = np.arange(len(parts)).reshape(-1, STEPS)
    images = unit_array(embed_dataset_images(model, dataset, progress))
    names = np.array([record.key for record in dataset.records])
    score = monotone_score(images, unit_array(embed_texts(model, parts)), rows, names)
    values = np.where(asked, score.values, np.nan)
    return {"monotonicity": Score(values, names, 0.0, score.blind, lowest=-1.0, note=note)}
