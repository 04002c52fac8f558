"""evaluate: every measure of one model on one data set, as one dict.

Retrieval and hard-negative choice on captions use the literal caption of a picture (``literal[0]``,
the first of ``old_captions``). ``retrieval["literal_captions"]`` takes all
literal captions of a picture, ``retrieval["theme_captions"]`` the theme-level ones, if any.
Shares are from 0 to 1; what the data cannot show is None.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS, Record
from glasskit.evaluation import hard_negatives
from glasskit.evaluation.concepts import LevelRecognition, recognise_labels
from glasskit.evaluation.embeddings import EvaluationVectors, embed_all
from glasskit.evaluation.hard_negatives import IMAGE_TO_TEXT, TEXT_TO_IMAGE, WAYS, Answers, K, ask
from glasskit.evaluation.multilabel import LabelRanking, rank_labels
from glasskit.evaluation.negation import blind_wins, caption_wins, summarise_wins
from glasskit.evaluation.retrieval import Retrieval, retrieve, same_texts
from glasskit.models.standard import label_scores
from glasskit.models.vectors import TIE

if TYPE_CHECKING:
    from glasskit.models import GlassModel
    from glasskit.models.glass_model import Progress

CAPTIONS, NEAR_MISSES = "captions", "not_labels"
UNMEASURED = {"n": 0, **dict.fromkeys(("top1", "ci95", "acceptable_top1", "top5", "chance"))}
UNASKED = dict.fromkeys(WAYS)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model did with every record of a data set; ``as_dict`` sums it up.

    Args:
        n: records.
        concepts: recognition by "level1" to "level4"; levels without labels are not in it.
        multilabel: the same for pictures with several labels; empty where all have one.
        retrieval: with the literal caption of every picture.
        variants: retrieval with more captions, "literal_captions" and "theme_captions".
        duplicate_captions: literal captions whose text stands under several pictures.
        negation_rows, negation, negation_blind: records with a negation, who won, who won blind.
        hard: hard-negative choice, about the same records, by "level1" to "level4" and "captions";
            "not_labels" about the records that have some.
        near_misses_blind: who would win "not_labels" by how often labels are carried.
        k: wrong answers a question.
        clusters: (n,) number of each record's cluster, see ``GroupedDataset.clusters``.
        cluster_by: what a cluster is: "picture", "concept" or "cluster".
        seed: of the questions.
        reference: pictures that standard scores of labels are held against; 0: they are cosines.
    """

    n: int
    concepts: dict[str, LevelRecognition]
    multilabel: dict[str, LabelRanking]
    retrieval: Retrieval
    variants: dict[str, Retrieval]
    duplicate_captions: int
    negation_rows: np.ndarray
    negation: np.ndarray
    negation_blind: np.ndarray
    hard: dict[str, Answers]
    near_misses_blind: np.ndarray
    clusters: np.ndarray
    cluster_by: str
    k: int
    seed: int = 0
    reference: int = 0

    @property
    def cluster_count(self) -> int:
        """How many clusters the records are of."""
        return len(np.unique(self.clusters))

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``glasskit evaluate``."""
        concepts = {
            level: self.concepts[level].summary(self.clusters[self.hard[level].rows])
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
        if NEAR_MISSES in hard:
            hard[NEAR_MISSES][f"{IMAGE_TO_TEXT}_blind"] = float(self.near_misses_blind.mean())
        several = {level: one.summary(self.clusters) for level, one in self.multilabel.items()}
        return {
            "n": self.n,
            "clusters": {"n": self.cluster_count, "by": self.cluster_by},
            "concepts": concepts,
            **({"multilabel": several} if several else {}),
            "retrieval": retrieval,
            "negation": summarise_wins(
                self.negation, self.negation_blind, self.clusters[self.negation_rows]
            ),
            "hard_negative": {
                "k": self.k,
                IMAGE_TO_TEXT: main.get(IMAGE_TO_TEXT),
                TEXT_TO_IMAGE: main.get(TEXT_TO_IMAGE),
                **dict.fromkeys((*LEVELS, CAPTIONS), UNASKED),
                **hard,
            },
            "settings": {
                "seed": self.seed,
                "hard_negative_k": self.k,
                "scores": "standard" if self.reference else "cosine",
                "reference": self.reference,
            },
        }


def evaluate(
    model: GlassModel,
    dataset: GroupedDataset,
    *,
    k: int = K,
    seed: int = 0,
    train: GroupedDataset | None = None,
    progress: Progress | None = None,
    reference: GroupedDataset | None = None,
) -> dict[str, Any]:
    """Measure a model on the records of a data set, usually ``dataset.split("test")``.

    Args:
        model: a GlassModel.
        dataset: pictures may be missing where image features of this model's tower ship with it.
        k: wrong answers in a hard-negative question.
        seed: of the hard-negative questions.
        train: records that say how often each label is carried, for what is reached blind; None:
            those that are measured.
        progress: called with (done, total) pictures while they are embedded.
        reference: recognition goes by standard scores over its pictures, usually those of
            ``dataset.split("train")`` and never those that are measured; None: by cosine. All else
            goes by cosine.

    Returns:
        {"n", "clusters": {"n", "by"}, "concepts": {"level1": {"top1", "acceptable_top1", "top5",
        "chance", "ci95", ...}}, "retrieval": {"image_to_text_r1", ...}, "negation":
        {"caption_over_negation", ...}, "multilabel": {"level1": {"map", "chance_map", ...}} where
        pictures have several labels,
        "hard_negative": {"k", "image_to_text", "text_to_image", "level1": {...}, ...}}. Intervals
        are over clusters of pictures (``GroupedDataset.clusters``); None where there is only one.

    Raises:
        InputError: no records, a missing or broken picture, a vector that is not finite.
    """
    found = measure(
        model, dataset, k=k, seed=seed, train=train, progress=progress, reference=reference
    )
    return found.as_dict()


def measure(
    model: GlassModel,
    dataset: GroupedDataset,
    *,
    k: int = K,
    seed: int = 0,
    train: GroupedDataset | None = None,
    progress: Progress | None = None,
    reference: GroupedDataset | None = None,
) -> Evaluation:
    """As ``evaluate``, with the result of every record, as paired comparisons need it."""
    vectors = embed_all(model, dataset, progress, reference)
    return measure_embeddings(vectors, dataset, k=k, seed=seed, train=train)


def measure_embeddings(
    vectors: EvaluationVectors,
    dataset: GroupedDataset,
    *,
    k: int = K,
    seed: int = 0,
    train: GroupedDataset | None = None,
) -> Evaluation:
    """Every measure from vectors that are there already."""
    train = dataset if train is None else train
    images, captions, everyone = vectors.picture, vectors.caption, np.arange(len(dataset))
    concepts, multilabel, hard = {}, {}, {}
    for level, name in enumerate(LEVELS, start=1):
        target = dataset.targets(level)
        rows = np.flatnonzero(target >= 0)
        if not len(rows):
            continue
        labels, target = vectors.labels[level], target[rows]
        concepts[name] = recognise_labels(
            images[rows],
            labels,
            dataset.labels(level),
            target,
            dataset.acceptable(level)[rows],
            vectors.standard(level),
        )
        questions = hard_negatives.level_questions(dataset, level, k, seed)
        hard[name] = ask(questions, rows, images[rows], labels, target)
        if dataset.several:
            often = train.carried(level).sum(axis=0)
            standard = vectors.standard(level)
            scores = label_scores(images, labels, standard)
            tie = TIE if standard is None else standard.tie
            multilabel[name] = rank_labels(scores, dataset.carried(level), often, tie)
    near_misses_blind = np.zeros(0, dtype=bool)
    if len(rows := np.flatnonzero([bool(record.not_labels) for record in dataset.records])):
        labels, target = vectors.labels[1], dataset.targets(1)[rows]
        wrong = hard_negatives.near_miss_questions(dataset, rows)
        correct = wrong.answered(images[rows], labels, target)
        hard[NEAR_MISSES] = Answers(rows, {IMAGE_TO_TEXT: wrong}, {IMAGE_TO_TEXT: correct})
        known = {record.key for record in train.records}
        near_misses_blind = hard_negatives.more_frequent(
            wrong,
            target,
            train.carried(1).sum(axis=0),
            np.array([dataset.records[row].key in known for row in rows]),
        )
    questions = hard_negatives.caption_questions(dataset, k, seed)
    hard[CAPTIONS] = ask(questions, everyone, images, captions, everyone)
    negated = np.flatnonzero([record.negation is not None for record in dataset.records])
    wins = blind = np.zeros(0, dtype=bool)
    if len(negated):
        negations = vectors.of([dataset.records[i].negation or "" for i in negated])
        wins = caption_wins(images[negated], captions[negated], negations)
        blind = blind_wins(images[negated], captions[negated], negations)
    literal = [record.literal[0] for record in dataset.records]
    return Evaluation(
        n=len(dataset),
        concepts=concepts,
        multilabel=multilabel,
        retrieval=retrieve(images, captions, everyone, same_texts(literal)),
        variants=_variants(vectors, dataset.records),
        duplicate_captions=sum(times for times in Counter(literal).values() if times > 1),
        negation_rows=negated,
        negation=wins,
        negation_blind=blind,
        hard=hard,
        near_misses_blind=near_misses_blind,
        clusters=dataset.clusters,
        cluster_by=dataset.cluster_by,
        k=k,
        seed=seed,
        reference=0 if vectors.reference is None else len(vectors.reference),
    )


def _variants(vectors: EvaluationVectors, records: tuple[Record, ...]) -> dict[str, Retrieval]:
    """Retrieval with all literal and with the theme captions, where every picture has them."""
    captions = {}
    if any(len(record.literal) > 1 for record in records):
        captions["literal_captions"] = [record.literal for record in records]
    if all(record.themes for record in records):
        captions["theme_captions"] = [record.themes for record in records]
    out = {}
    for name, of_each in captions.items():
        owner = np.repeat(np.arange(len(records)), [len(of_one) for of_one in of_each])
        sentences = [sentence for of_one in of_each for sentence in of_one]
        out[name] = retrieve(vectors.picture, vectors.of(sentences), owner, same_texts(sentences))
    return out
