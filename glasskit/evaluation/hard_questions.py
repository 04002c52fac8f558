"""The hard-negative questions of a data set, at levels 1 to 4 and for captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.evaluation.hard_negative import (
    Questions,
    answer_from_scores,
    answer_from_vectors,
    draw_labels,
    draw_records,
)
from glasskit.models.vectors import products

IMAGE_TO_TEXT, TEXT_TO_IMAGE = "image_to_text", "text_to_image"


@dataclass(frozen=True, eq=False)
class LevelQuestions:
    """Both directions of one level.

    Args:
        rows: records that have a label at this level.
        target: (rows,) their label. acceptable: (rows, c) labels that a careful viewer accepts.
        texts: wrong labels. pictures: wrong pictures, as places in ``rows``.
    """

    rows: np.ndarray
    target: np.ndarray
    acceptable: np.ndarray
    texts: Questions
    pictures: Questions

    def answer(self, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Correct or not by direction, from vectors of the rows (rows, L) and labels (c, L)."""
        scores = products(images, labels)  # (rows, c)
        place = np.arange(len(self.rows))
        own = scores[place, self.target]
        rivals = scores[self.pictures.candidates, self.target[:, None]]
        # The own picture and its rivals side by side, so that one rule answers both directions.
        columns = np.concatenate([own[:, None], rivals], axis=1)
        numbered = np.where(self.pictures.candidates < 0, -1, 1 + np.arange(rivals.shape[1])[None])
        first = np.zeros(len(place), dtype=np.int64)
        return {
            IMAGE_TO_TEXT: answer_from_scores(scores, self.target, self.texts.candidates),
            TEXT_TO_IMAGE: answer_from_scores(columns, first, numbered),
        }


@dataclass(frozen=True, eq=False)
class CaptionQuestions:
    """Both directions for literal captions."""

    texts: Questions
    pictures: Questions

    def answer(self, images: np.ndarray, captions: np.ndarray) -> dict[str, np.ndarray]:
        """Correct or not by direction, from unit image and caption vectors, (n, L) each."""
        return {
            IMAGE_TO_TEXT: answer_from_vectors(images, captions, self.texts.candidates),
            TEXT_TO_IMAGE: answer_from_vectors(captions, images, self.pictures.candidates),
        }


def level_questions(
    dataset: GroupedDataset, level: int, k: int, seed: int
) -> LevelQuestions | None:
    """Draw the questions of a level; None where no record has a label there."""
    target = dataset.targets(level)
    rows = np.flatnonzero(target >= 0)
    if not len(rows):
        return None
    target, acceptable = target[rows], dataset.acceptable(level)[rows]
    concept, hard = _concepts(dataset)
    concept = concept[rows]
    place = {name: i for i, name in enumerate(dataset.labels(level))}
    label_of = np.array([place.get(c.levels[level - 1], -1) for c in dataset.concepts])
    hard_labels = np.zeros((len(hard), len(place)), dtype=bool)
    for a, others in enumerate(hard):
        hard_labels[a, label_of[others & (label_of >= 0)]] = True

    def wrong(items: np.ndarray, others: np.ndarray) -> np.ndarray:
        return _wrong(acceptable, target, items, others)

    names = np.arange(len(rows))
    return LevelQuestions(
        rows,
        target,
        acceptable,
        draw_labels(acceptable, hard_labels[concept], k, seed),
        draw_records(concept, _pools(concept, hard, label_of), names, wrong, k, seed),
    )


def caption_questions(dataset: GroupedDataset, k: int, seed: int) -> CaptionQuestions:
    """Draw the questions on literal captions."""
    target, acceptable = dataset.targets(1), dataset.acceptable(1)
    concept, hard = _concepts(dataset)
    texts = [record.literal[0] for record in dataset.records]
    _, same_text = np.unique(texts, return_inverse=True)

    def wrong(items: np.ndarray, others: np.ndarray) -> np.ndarray:
        new_text = same_text[others] != same_text[items][:, None]
        return _wrong(acceptable, target, items, others) & new_text

    names = np.arange(len(dataset))
    pools = _pools(concept, hard, np.arange(len(hard)))
    return CaptionQuestions(
        draw_records(concept, pools, same_text, wrong, k, seed),
        draw_records(concept, pools, names, wrong, k, seed),
    )


def _wrong(
    acceptable: np.ndarray, target: np.ndarray, items: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """(r, w) bool: neither accepts the label of the other."""
    theirs = acceptable[others, target[items][:, None]]
    mine = acceptable[items[:, None], target[others]]
    return ~(theirs | mine)


def _pools(concept: np.ndarray, hard: np.ndarray, label: np.ndarray) -> list[np.ndarray]:
    """Records of the hard negatives of each concept that have another label at this level."""
    return [
        np.flatnonzero((others & (label != label[a]))[concept]) for a, others in enumerate(hard)
    ]


def _concepts(dataset: GroupedDataset) -> tuple[np.ndarray, np.ndarray]:
    """(n,) concept of each record, and (concepts, concepts) which is a hard negative of which."""
    place = {concept.name: i for i, concept in enumerate(dataset.concepts)}
    hard = np.zeros((len(place), len(place)), dtype=bool)
    for a, concept in enumerate(dataset.concepts):
        hard[a, [place[name] for name in concept.hard_negatives if name in place]] = True
    np.fill_diagonal(hard, False)
    return np.array([place[record.concept] for record in dataset.records]), hard
