"""Hard-negative choice: one right answer against K wrong ones of easily confused concepts.

The measure of CLEAR GLASS (arXiv 2509.12771), made fair. For every picture i of concept a:

- **image to text**: picture i against its own text and K wrong texts. At level 1 to 4 the texts are
  labels of that level, for captions the literal captions of other pictures. Correct where
  cos(image_i, own text) > max over the wrong texts.
- **text to image**: the own text against picture i and K other pictures. Correct likewise.

Rules
1. K is fixed, 10 unless told otherwise, and has nothing to do with a batch size.
2. The wrong answers are drawn once from the seed, without replacement, before any model is looked
   at: every model answers the same questions.
3. A wrong answer is wrong: never the same text, never of an acceptable concept of picture i (its
   own or its ``also``), never a picture or caption for which i's label is acceptable.
4. They come from the concept's ``hard_negatives``; where those hold fewer than K, the rest is drawn
   from all other concepts (``hard_share`` says how many were hard).
5. Where the data hold fewer than K wrong answers in all, every one is used; ``k_min`` and
   ``k_mean`` say how many, ``chance`` is the mean of 1 / (1 + k_i), and a picture that has none is
   left out.
6. Ties are not correct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval
from glasskit.models.vectors import TIE, row_products

K = 10
WAYS = IMAGE_TO_TEXT, TEXT_TO_IMAGE = "image_to_text", "text_to_image"
_NONE = -1
_TRIES = 4  # random picks per wanted answer before a row looks at its whole pool
_BLOCK = 4096
_ASKED = 256  # questions whose answers stay in the processor's cache

Wrong = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""wrong(items (r,), candidates (r, w)) -> (r, w) bool: is the candidate a wrong answer?"""


@dataclass(frozen=True, eq=False)
class Questions:
    """Wrong answers of each item, drawn once.

    Args:
        candidates: (n, K) indices, -1 where there are fewer than K.
        hard: (n,) how many of them are of a concept listed as a hard negative.
    """

    candidates: np.ndarray
    hard: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(n,) how many wrong answers each item has."""
        return (self.candidates != _NONE).sum(axis=1)

    def answered(self, queries: np.ndarray, answers: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(n,) bool: query i is strictly nearer to its right answer than to each wrong one.

        Args:
            queries: (n, L) and answers: (m, L), unit rows. right: (n,) rows of answers.
        """
        correct = np.empty(len(queries), dtype=bool)
        for low in range(0, len(queries), _ASKED):
            part = slice(low, low + _ASKED)
            wrong = self.candidates[part]
            rivals = np.einsum("rl,rkl->rk", queries[part], answers[wrong], optimize=True)
            rivals = np.where(wrong == _NONE, -np.inf, rivals)
            own = row_products(queries[part], answers[right[part]])
            correct[part] = own > rivals.max(axis=1) + TIE
        return correct


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
            out |= summarise(correct, self.questions[way], way, clusters[self.rows])
        return out


def ask(
    questions: dict[str, Questions],
    rows: np.ndarray,
    images: np.ndarray,
    texts: np.ndarray,
    right: np.ndarray,
) -> Answers:
    """What a model answers in both directions.

    Args:
        questions: by direction. rows: (r,) records that are asked.
        images: (r, L) and texts: (t, L), unit rows. right: (r,) the own text of each image.
    """
    to_text, to_image = questions[IMAGE_TO_TEXT], questions[TEXT_TO_IMAGE]
    correct = {
        IMAGE_TO_TEXT: to_text.answered(images, texts, right),
        TEXT_TO_IMAGE: to_image.answered(texts[right], images, np.arange(len(rows))),
    }
    return Answers(rows, questions, correct)


def summarise(
    correct: np.ndarray, questions: Questions, way: str, clusters: np.ndarray
) -> dict[str, Any]:
    """Share correct in one direction, over the items that have any wrong answer."""
    asked = questions.counts > 0
    counts = questions.counts[asked]
    if not len(counts):
        return {way: None, f"{way}_n": 0}
    return {
        way: float(correct[asked].mean()),
        f"{way}_ci95": interval(correct[asked], clusters=clusters[asked]),
        f"{way}_n": int(asked.sum()),
        f"{way}_chance": float((1 / (1 + counts)).mean()),
        f"{way}_k_min": int(counts.min()),
        f"{way}_k_mean": float(counts.mean()),
        f"{way}_hard_share": float(questions.hard.sum() / counts.sum()),
    }


def level_questions(dataset: GroupedDataset, level: int, k: int, seed: int) -> dict[str, Questions]:
    """The questions of a level by direction, about the records that have a label there, in order.

    Image to text the candidates are labels, text to image places among those records.
    """
    target = dataset.targets(level)
    rows = np.flatnonzero(target >= 0)
    target, acceptable = target[rows], dataset.acceptable(level)[rows]
    concept, hard = _concepts(dataset)
    concept = concept[rows]
    place = {name: i for i, name in enumerate(dataset.labels(level))}
    label_of = np.array([place.get(c.levels[level - 1] or "", _NONE) for c in dataset.concepts])
    hard_labels = np.zeros((len(hard), len(place)), dtype=bool)
    for a, others in enumerate(hard):
        hard_labels[a, label_of[others & (label_of >= 0)]] = True

    def wrong(items: np.ndarray, others: np.ndarray) -> np.ndarray:
        return _unacceptable(acceptable, target, items, others)

    pools = _pools(concept, hard, label_of)
    return {
        IMAGE_TO_TEXT: draw_labels(acceptable, hard_labels[concept], k, seed),
        TEXT_TO_IMAGE: draw_records(concept, pools, np.arange(len(rows)), wrong, k, seed),
    }


def near_miss_questions(dataset: GroupedDataset, rows: np.ndarray) -> Questions:
    """The strongest label of some records against the labels that do not apply (``not_labels``)."""
    place = {name: i for i, name in enumerate(dataset.labels(1))}
    wrong = [[place[name] for name in dataset.records[row].not_labels] for row in rows]
    k = max(map(len, wrong))
    candidates = np.array([labels + [_NONE] * (k - len(labels)) for labels in wrong])
    return Questions(candidates, (candidates != _NONE).sum(axis=1))


def more_frequent(
    questions: Questions, right: np.ndarray, often: np.ndarray, counted: np.ndarray
) -> np.ndarray:
    """(r,) bool: who wins blind: the right label is carried by more other pictures than the wrong.

    Args:
        right: (r,) labels. often: (c,) how many pictures carry each label.
        counted: (r,) bool: whether the picture itself is among those.
    """
    wrong = questions.candidates
    rivals = np.where(wrong == _NONE, -1, often[wrong])
    return often[right] - counted > rivals.max(axis=1)


def caption_questions(dataset: GroupedDataset, k: int, seed: int) -> dict[str, Questions]:
    """The questions on literal captions by direction; candidates are records."""
    target, acceptable = dataset.targets(1), dataset.acceptable(1)
    concept, hard = _concepts(dataset)
    texts = [record.literal[0] for record in dataset.records]
    _, same_text = np.unique(texts, return_inverse=True)

    def wrong(items: np.ndarray, others: np.ndarray) -> np.ndarray:
        new_text = same_text[others] != same_text[items][:, None]
        return _unacceptable(acceptable, target, items, others) & new_text

    pools = _pools(concept, hard, np.arange(len(hard)))
    return {
        IMAGE_TO_TEXT: draw_records(concept, pools, same_text, wrong, k, seed),
        TEXT_TO_IMAGE: draw_records(concept, pools, np.arange(len(dataset)), wrong, k, seed),
    }


def draw_labels(acceptable: np.ndarray, hard: np.ndarray, k: int, seed: int) -> Questions:
    """K wrong labels for every picture.

    Args:
        acceptable: (n, c) bool. hard: (n, c) bool: labels of the hard negatives of its concept.
    """
    _check_k(k)
    rng = np.random.default_rng(seed)
    candidates = np.full((len(acceptable), k), _NONE)
    for low in range(0, len(acceptable), _BLOCK):
        part = slice(low, low + _BLOCK)
        # Hard labels sort first, then the others, then those that are no wrong answers.
        keys = rng.random(acceptable[part].shape) + ~hard[part]
        keys[acceptable[part]] = np.inf
        first = np.argsort(keys, axis=1)[:, :k]
        found = np.isfinite(np.take_along_axis(keys, first, axis=1))
        candidates[part, : first.shape[1]] = np.where(found, first, _NONE)
    drawn = np.take_along_axis(hard, candidates, axis=1) & (candidates != _NONE)
    return Questions(candidates, drawn.sum(axis=1))


def draw_records(
    concept: np.ndarray,
    pools: list[np.ndarray],
    identity: np.ndarray,
    wrong: Wrong,
    k: int,
    seed: int,
) -> Questions:
    """K wrong records for every record, no two with the same identity.

    Args:
        concept: (n,) index of each record's concept.
        pools: records of the hard negatives of each concept.
        identity: (n,) records with the same number count as the same answer.
        wrong: says which records are wrong answers.
    """
    _check_k(k)
    rng = np.random.default_rng(seed)
    everyone = np.arange(len(concept))
    hard = np.zeros(len(concept), dtype=np.int64)
    chosen = np.full((len(concept), k), _NONE)
    for a, hard_pool in enumerate(pools):
        items = np.flatnonzero(concept == a)
        for low in range(0, len(items), _BLOCK):
            rows = items[low : low + _BLOCK]
            _fill(chosen, rows, hard_pool, identity, wrong, rng)
            hard[rows] = (chosen[rows] != _NONE).sum(axis=1)
            _fill(chosen, rows, everyone, identity, wrong, rng)
    return Questions(chosen, hard)


def _fill(
    chosen: np.ndarray,
    rows: np.ndarray,
    pool: np.ndarray,
    identity: np.ndarray,
    wrong: Wrong,
    rng: np.random.Generator,
) -> None:
    """Add wrong answers from a pool to rows that have fewer than K, as far as the pool goes.

    The first distinct ones of independent picks are a uniform draw without replacement, so a row
    that gets its K from a few random picks never looks at the whole pool; the others do.
    """

    def extended(short: np.ndarray, picks: np.ndarray) -> np.ndarray:
        """(r, K) the answers of rows and the first distinct wrong ones of their (r, w) picks."""
        answers, names, place = chosen[short], identity[picks], np.arange(len(short))
        good = wrong(short, picks)
        for answer in answers.T:
            first = good.argmax(axis=1)
            new = (answer == _NONE) & good[place, first]
            answer[new] = picks[new, first[new]]
            good = good & (names != identity[answer][:, None])  # no answer: none was good
        return answers

    tries = _TRIES * chosen.shape[1]
    short = rows[chosen[rows, -1] == _NONE]
    if len(short) and len(pool) > tries:
        answers = extended(short, pool[rng.integers(len(pool), size=(len(short), tries))])
        full = answers[:, -1] != _NONE
        chosen[short[full]] = answers[full]
        short = short[~full]
    for row in short[:, None] if len(pool) else ():
        chosen[row] = extended(row, rng.permutation(pool)[None])


def _unacceptable(
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


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"hard negatives: k must be 1 or more, not {k}")
