"""evaluate: every measure of one model on one data set, as one dict.

Retrieval and hard-negative choice on captions use the literal caption of a picture (``literal[0]``,
the first of ``old_captions``). ``retrieval["literal_captions"]`` takes all
literal captions of a picture, ``retrieval["theme_captions"]`` the theme-level ones, if any.
Shares are from 0 to 1; what the data cannot show is None.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS, Record
from glasskit.evaluation import hard_negative
from glasskit.evaluation.concepts import Recognition, recognise
from glasskit.evaluation.embeddings import Embeddings, Progress, embed
from glasskit.evaluation.hard_negative import Questions
from glasskit.evaluation.hard_questions import (
    IMAGE_TO_TEXT,
    TEXT_TO_IMAGE,
    caption_questions,
    level_questions,
)
from glasskit.evaluation.negation import blind_wins, caption_wins, summarise_wins
from glasskit.evaluation.retrieval import Retrieval, retrieve, same_texts

if TYPE_CHECKING:
    from glasskit.models import GlassModel

CAPTIONS = "captions"
UNMEASURED = {"n": 0, **dict.fromkeys(("top1", "ci95", "acceptable_top1", "top5", "chance"))}
UNASKED = {IMAGE_TO_TEXT: None, TEXT_TO_IMAGE: None}


class Settings(TypedDict, total=False):
    """Keywords of whatever measures a model.

    Args:
        seed: of the hard-negative questions, 0 unless told otherwise.
        k: wrong answers in a hard-negative question, ``hard_negative.K`` unless told otherwise.
    """

    seed: int
    k: int


@dataclass(frozen=True, eq=False)
class Answers:
    """Hard-negative choice at one level or on captions.

    Args:
        rows: (r,) records that were asked.
        questions: the wrong answers by direction.
        correct: (r,) bool by direction.
    """

    rows: np.ndarray
    questions: dict[str, Questions]
    correct: dict[str, np.ndarray]

    def summary(self, clusters: np.ndarray) -> dict[str, Any]:
        """Shares, intervals, chance and K for both directions; clusters of all records."""
        out: dict[str, Any] = {}
        for way, correct in self.correct.items():
            out |= hard_negative.summarise(correct, self.questions[way], way, clusters[self.rows])
        return out


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model did with every record of a data set; ``as_dict`` sums it up.

    Args:
        n: records.
        concepts: recognition by "level1" to "level4"; levels without labels are not in it.
        concept_rows: records of each of them (those that have a label there).
        retrieval: with the literal caption of every picture.
        variants: retrieval with more captions, "literal_captions" and "theme_captions".
        duplicate_captions: literal captions whose text stands under several pictures.
        negation_rows, negation, negation_blind: records with a negation, who won, who won blind.
        hard: hard-negative choice by "level1" to "level4" and "captions".
        k: wrong answers a question.
        clusters: (n,) number of each record's cluster, see ``GroupedDataset.clusters``.
        cluster_by: what a cluster is: "picture", "concept" or "cluster".
        seed: of the questions.
    """

    n: int
    concepts: dict[str, Recognition]
    concept_rows: dict[str, np.ndarray]
    retrieval: Retrieval
    variants: dict[str, Retrieval]
    duplicate_captions: int
    negation_rows: np.ndarray
    negation: np.ndarray
    negation_blind: np.ndarray
    hard: dict[str, Answers]
    clusters: np.ndarray
    cluster_by: str
    k: int
    seed: int = 0

    @property
    def cluster_count(self) -> int:
        """How many clusters the records are of."""
        return len(np.unique(self.clusters))

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``glasskit evaluate``."""
        concepts = {
            level: self.concepts[level].summary(self.clusters[self.concept_rows[level]])
            if level in self.concepts
            else UNMEASURED
            for level in LEVELS
        }
        retrieval = self.retrieval.summary(self.clusters)
        retrieval["duplicate_captions"] = self.duplicate_captions
        for name in ("literal_captions", "theme_captions"):
            variant = self.variants.get(name)
            retrieval[name] = None if variant is None else variant.summary(self.clusters)
        hard = {name: answers.summary(self.clusters) for name, answers in self.hard.items()}
        main = hard.get("level1", {})
        return {
            "n": self.n,
            "clusters": {"n": self.cluster_count, "by": self.cluster_by},
            "concepts": concepts,
            "retrieval": retrieval,
            "negation": self._negation(),
            "hard_negative": {
                "k": self.k,
                IMAGE_TO_TEXT: main.get(IMAGE_TO_TEXT),
                TEXT_TO_IMAGE: main.get(TEXT_TO_IMAGE),
                **{name: hard.get(name, UNASKED) for name in (*LEVELS, CAPTIONS)},
            },
            "settings": {"seed": self.seed, "hard_negative_k": self.k},
        }

    def _negation(self) -> dict[str, Any]:
        name = "caption_over_negation"
        if not len(self.negation):
            return {"n": 0, name: None, "ci95": None, "blind": None, "chance": 0.5}
        clusters = self.clusters[self.negation_rows]
        return summarise_wins(self.negation, self.negation_blind, name, clusters)


def evaluate(
    model: GlassModel,
    dataset: GroupedDataset,
    *,
    progress: Progress | None = None,
    **settings: Unpack[Settings],
) -> dict[str, Any]:
    """Measure a model on the records of a data set, usually ``dataset.split("test")``.

    Args:
        model: a GlassModel.
        dataset: pictures may be missing where image features of this model's tower ship with it.
        progress: called with (done, total) pictures while they are embedded.
        settings: k and seed, see ``Settings``.

    Returns:
        {"n", "clusters": {"n", "by"}, "concepts": {"level1": {"top1", "acceptable_top1", "top5",
        "chance", "ci95", ...}}, "retrieval": {"image_to_text_r1", ...}, "negation":
        {"caption_over_negation", ...},
        "hard_negative": {"k", "image_to_text", "text_to_image", "level1": {...}, ...}}. Intervals
        are over clusters of pictures (``GroupedDataset.clusters``); None where there is only one.

    Raises:
        InputError: no records, a missing or broken picture, a vector that is not finite.
    """
    return measure(model, dataset, progress=progress, **settings).as_dict()


def measure(
    model: GlassModel,
    dataset: GroupedDataset,
    *,
    progress: Progress | None = None,
    **settings: Unpack[Settings],
) -> Evaluation:
    """As ``evaluate``, with the result of every record, as paired comparisons need it."""
    return measure_embeddings(embed(model, dataset, progress), dataset, **settings)


def measure_embeddings(
    vectors: Embeddings,
    dataset: GroupedDataset,
    *,
    k: int = hard_negative.K,
    seed: int = 0,
) -> Evaluation:
    """Every measure from vectors that are there already."""
    concepts, concept_rows, hard = {}, {}, {}
    for level, name in enumerate(LEVELS, start=1):
        questions = level_questions(dataset, level, k, seed)
        if questions is None:
            continue
        rows = questions.rows
        images = vectors.images if len(rows) == len(dataset) else vectors.images[rows]
        concept_rows[name] = rows
        concepts[name] = recognise(
            images,
            vectors.labels[level],
            dataset.labels(level),
            questions.target,
            questions.acceptable,
        )
        hard[name] = Answers(
            rows,
            {IMAGE_TO_TEXT: questions.texts, TEXT_TO_IMAGE: questions.pictures},
            questions.answer(images, vectors.labels[level]),
        )
    literal = [record.literal[0] for record in dataset.records]
    captions = vectors.of(literal)
    asked = caption_questions(dataset, k, seed)
    everyone = np.arange(len(dataset))
    hard[CAPTIONS] = Answers(
        everyone,
        {IMAGE_TO_TEXT: asked.texts, TEXT_TO_IMAGE: asked.pictures},
        asked.answer(vectors.images, captions),
    )
    negated = np.flatnonzero([record.negation is not None for record in dataset.records])
    wins = blind = np.zeros(0, dtype=bool)
    if len(negated):
        negations = vectors.of([dataset.records[i].negation or "" for i in negated])
        pictures, true = vectors.images[negated], captions[negated]
        wins = caption_wins(pictures, true, negations)
        blind = blind_wins(pictures, true, negations)
    return Evaluation(
        n=len(dataset),
        concepts=concepts,
        concept_rows=concept_rows,
        retrieval=retrieve(vectors.images, captions, everyone, same_texts(literal)),
        variants=_variants(vectors, dataset.records),
        duplicate_captions=sum(times for times in Counter(literal).values() if times > 1),
        negation_rows=negated,
        negation=wins,
        negation_blind=blind,
        hard=hard,
        clusters=dataset.clusters,
        cluster_by=dataset.cluster_by,
        k=k,
        seed=seed,
    )


def _variants(vectors: Embeddings, records: tuple[Record, ...]) -> dict[str, Retrieval]:
    """Retrieval with all literal and with the theme captions, where every picture has them."""
    out = {}
    for name, captions in (
        ("literal_captions", [record.literal for record in records]),
        ("theme_captions", [record.theme for record in records]),
    ):
        more = name == "theme_captions" or any(len(of_one) > 1 for of_one in captions)
        if more and all(captions):
            owner = np.repeat(np.arange(len(records)), [len(of_one) for of_one in captions])
            sentences = [sentence for of_one in captions for sentence in of_one]
            out[name] = retrieve(
                vectors.images, vectors.of(sentences), owner, same_texts(sentences)
            )
    return out
