"""Recognition of the labels of a grouped data set, and what can be had for it without training.

Letters: n pictures, c labels, t captions, L width.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.evaluation.concepts import recognise_labels
from glasskit.evaluation.multilabel import DEPTH, chance, rank_labels
from glasskit.evaluation.score import Score
from glasskit.models.embedding import unit_array
from glasskit.models.features import embed_dataset_images, embed_texts
from glasskit.models.prompts import concept_vectors
from glasskit.models.vectors import nearest, products, unit

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel, Progress

NEAREST = (4, 16, 64)
WEIGHTS = tuple(step / 10 for step in range(10))
"""What ``choose_shift`` tries."""


def labels(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> dict[str, Score]:
    """Recognition of level-1 labels on the test pictures; blind: the most frequent train labels."""
    names = unit_array(concept_vectors(model, dataset.labels(1)))
    return _recognised(model, dataset, names, progress)


def shifted_labels(model: GlassModel, dataset: GroupedDataset) -> dict[str, Score]:
    """``labels`` with every name moved towards concrete captions, by ``choose_shift``."""
    train = dataset.split("train")
    names = unit_array(concept_vectors(model, dataset.labels(1)))
    captions = unit_array(embed_texts(model, [record.literal[0] for record in train.records]))
    images = unit_array(embed_dataset_images(model, train))
    k, weight = choose_shift(names, captions, images, train.carried(1))
    note = f"names shifted: weight {weight:g} on the mean of the {k} nearest captions"
    found = _recognised(model, dataset, shifted(names, captions, k, weight))
    return {key: Score(**{**vars(score), "note": note}) for key, score in found.items()}


def shifted(names: np.ndarray, captions: np.ndarray, k: int, weight: float) -> np.ndarray:
    """(c, L) names moved towards the captions nearest to them: a baseline without training.

    v' = normalise((1 - w) v + w m), m the normalised mean of the k captions nearest to the name v:
    query expansion (Rocchio 1971) towards the concrete texts of pictures. ACT (arXiv 2505.03242)
    has the same aim, by a language model that rewrites the query and principal components of the
    difference between abstract and concrete texts.

    Args:
        names: (c, L) and captions: (t, L), unit rows.
    """
    means = unit(captions[nearest(names, captions, k).index].mean(axis=1))
    return unit((1 - weight) * names + weight * means)


def choose_shift(
    names: np.ndarray, captions: np.ndarray, images: np.ndarray, carried: np.ndarray
) -> tuple[int, float]:
    """k and weight with the best mean average precision on training pictures.

    The captions of one half of the pictures serve for ranking the other half, both ways, so that
    no picture is found by its own caption. Of equals the first of ``NEAREST`` and ``WEIGHTS``.

    Args:
        names: (c, L). captions, images: (n, L) of the training pictures. carried: (n, c) bool.
    """
    order = np.random.default_rng(0).permutation(len(images))
    halves = order[: len(order) // 2], order[len(order) // 2 :]

    def precision(k: int, weight: float) -> float:
        found = []
        for own, other in (halves, halves[::-1]):
            scores = products(images[other], shifted(names, captions[own], k, weight))
            ranking = rank_labels(scores, carried[other], carried.sum(axis=0))
            found.append(ranking.average_precision)
        known = np.concatenate(found)
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else 0.0

    return max(product(NEAREST, WEIGHTS), key=lambda pair: precision(*pair))


def _recognised(
    model: GlassModel,
    dataset: GroupedDataset,
    names: np.ndarray,
    progress: Progress | None = None,
) -> dict[str, Score]:
    """Scores of the test pictures with these (c, L) vectors of the labels."""
    train, test = dataset.split("train"), dataset.split("test")
    images = unit_array(embed_dataset_images(model, test, progress))
    target, right, c = test.targets(1), test.acceptable(1), len(names)
    found = recognise_labels(images, names, dataset.labels(1), target, right)
    often = np.argsort(-np.bincount(train.targets(1), minlength=c), kind="stable")
    accepted = train.acceptable(1).sum(axis=0).argmax()
    pictures = test.cluster_by == "picture"
    clusters = np.array([record.key for record in test.records]) if pictures else test.clusters
    guess, blind = right.mean(axis=1), right[:, accepted]
    out = {"acceptable_top1": Score(found.accepted, clusters, guess, blind)}
    if (top5 := found.within(DEPTH)) is not None:
        out["top5"] = Score(top5, clusters, DEPTH / c, np.isin(target, often[:DEPTH]))
    if dataset.several:
        carried = test.carried(1)
        ranking = rank_labels(products(images, names), carried, train.carried(1).sum(axis=0))
        known = np.flatnonzero(~np.isnan(ranking.average_precision))
        guess = chance(ranking.carried.sum(axis=0)[known], len(test))
        out["mean_ap"] = Score(ranking.average_precision[known], known, guess)
    return out
