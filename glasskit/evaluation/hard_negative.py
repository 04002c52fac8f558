"""Hard-negative choice: one right answer against K wrong ones of concepts that are easily confused.

The measure of CLEAR GLASS (arXiv 2509.12771), made fair. For every picture i of concept a:

- **image to text**: picture i against its own text and K wrong texts. At level 1 to 4 the texts are
  labels of that level, for captions the literal captions of other pictures. Correct where
  cos(image_i, own text) > max over the wrong texts.
- **text to image**: the own text against picture i and K other pictures. Correct likewise.

Rules: (1) K is fixed, 10 unless told otherwise, and has nothing to do with a batch size. (2) The
wrong answers are drawn once from the seed, without replacement, before any model is looked at: every
model answers the same questions. (3) A wrong answer is wrong: never the same text, never of an
acceptable concept of picture i (its own or its ``also``), never a picture or caption for which i's
label is acceptable. (4) They come from the concept's ``hard_negatives``; where those hold fewer than
K, the rest is drawn from all other concepts (``hard_share`` says how many were hard). (5) Where the
data hold fewer than K wrong answers in all, every one is used, ``k_min`` and ``k_mean`` say how many,
and ``chance`` is the mean of 1 / (1 + k_i); a picture with none is left out of ``n``. (6) Ties are
not correct.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasskit.errors import InputError
from glasskit.evaluation.intervals import DRAWS, interval
from glasskit.evaluation.vectors import TIE, row_products

K = 10
_NONE = -1
_TRIES = 4  # random picks per wanted candidate before a row is drawn the slow, exhaustive way
_BLOCK = 4096

Wrong = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""wrong(items (r,), candidates (r, w)) -> (r, w) bool: the candidate is a wrong answer for the item."""


@dataclass(frozen=True, eq=False)
class Questions:
    """Wrong answers of each item, drawn once.

    Args:
        candidates: (n, K) indices, -1 where there are fewer than K.
        hard: (n, K) bool: of a concept listed as a hard negative.
    """

    candidates: np.ndarray
    hard: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(n,) how many wrong answers each item has."""
        return (self.candidates != _NONE).sum(axis=1)


def draw_labels(acceptable: np.ndarray, hard: np.ndarray, k: int, seed: int) -> Questions:
    """K wrong labels for every picture.

    Args:
        acceptable: (n, c) bool. hard: (n, c) bool: labels of hard concepts of the picture's concept.
    """
    _check_k(k)
    rng = np.random.default_rng(seed)
    n, c = acceptable.shape
    out = _empty(n, k)
    for low in range(0, n, _BLOCK):
        part = slice(low, min(low + _BLOCK, n))
        # Hard labels sort first, then the others, then those that are no wrong answers.
        keys = rng.random((part.stop - low, c)) + ~hard[part]
        keys[acceptable[part]] = np.inf
        first = np.argsort(keys, axis=1)[:, :k]
        found = np.isfinite(np.take_along_axis(keys, first, axis=1))
        out.candidates[part, : first.shape[1]] = np.where(found, first, _NONE)
        is_hard = np.take_along_axis(hard[part], first, axis=1)
        out.hard[part, : first.shape[1]] = found & is_hard
    return out


def draw_records(
    concept: np.ndarray, hard: np.ndarray, identity: np.ndarray, wrong: Wrong, k: int, seed: int
) -> Questions:
    """K wrong records for every record, no two with the same identity.

    Args:
        concept: (n,) index of each record's concept.
        hard: (concepts, concepts) bool: hard[a, b], b is a hard negative of a.
        identity: (n,) records with the same number count as the same answer.
        wrong: says which records are wrong answers.
    """
    _check_k(k)
    rng = np.random.default_rng(seed)
    out = _empty(len(concept), k)
    members = [np.flatnonzero(hard[a][concept]) for a in range(len(hard))]
    for a, pool in enumerate(members):
        items = np.flatnonzero(concept == a)
        for low in range(0, len(items), _BLOCK):
            rows = items[low : low + _BLOCK]
            left = rows
            if len(pool) > _TRIES * k:
                left = _draw_fast(out, rows, pool, identity, wrong, k, rng)
            for item in left:
                _draw_exhaustively(out, item, pool, concept, identity, wrong, k, rng)
    return out


def _draw_fast(
    out: Questions,
    rows: np.ndarray,
    pool: np.ndarray,
    identity: np.ndarray,
    wrong: Wrong,
    k: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fill rows from random picks of the pool; returns the rows that did not get K.

    The first K distinct of independent picks are a uniform draw without replacement.
    """
    picks = pool[rng.integers(len(pool), size=(len(rows), _TRIES * k))]  # (rows, tries)
    names = identity[picks]
    order = np.argsort(names, axis=1, kind="stable")
    ranked = np.take_along_axis(names, order, axis=1)
    repeat = np.zeros_like(picks, dtype=bool)
    again = np.concatenate(
        [np.zeros((len(rows), 1), bool), ranked[:, 1:] == ranked[:, :-1]], axis=1
    )
    np.put_along_axis(repeat, order, again, axis=1)
    good = wrong(rows, picks) & ~repeat
    enough = good.sum(axis=1) >= k
    first = np.argsort(~good, axis=1, kind="stable")[:, :k]
    out.candidates[rows[enough]] = np.take_along_axis(picks, first, axis=1)[enough]
    out.hard[rows[enough]] = True
    return rows[~enough]


def _draw_exhaustively(
    out: Questions,
    item: int,
    pool: np.ndarray,
    concept: np.ndarray,
    identity: np.ndarray,
    wrong: Wrong,
    k: int,
    rng: np.random.Generator,
) -> None:
    """Fill one row from the shuffled pool, and from all other records where the pool is too small."""
    taken: dict[int, int] = {}
    is_hard: list[bool] = []
    for records, hard in ((pool, True), (np.arange(len(concept)), False)):
        if len(taken) == k:
            break
        shuffled = rng.permutation(records)
        good = shuffled[wrong(np.array([item]), shuffled[None])[0]]
        for record in good.tolist():
            if len(taken) == k:
                break
            if identity[record] not in taken:
                taken[int(identity[record])] = record
                is_hard.append(hard)
    out.candidates[item, : len(taken)] = list(taken.values())
    out.hard[item, : len(taken)] = is_hard


def answer_from_scores(scores: np.ndarray, right: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(n,) bool: scores[i, right_i] is strictly above the score of every candidate of item i.

    Args:
        scores: (n, answers). right: (n,). candidates: (n, K) with -1 for none.
    """
    rows = np.arange(len(scores))
    rivals = np.where(candidates == _NONE, -np.inf, scores[rows[:, None], candidates])
    return scores[rows, right] > rivals.max(axis=1) + TIE


def answer_from_vectors(
    queries: np.ndarray, answers: np.ndarray, candidates: np.ndarray
) -> np.ndarray:
    """(n,) bool: query i is strictly nearer to answer i than to each of its candidates.

    Args:
        queries, answers: (n, L) unit rows. candidates: (n, K) rows of answers, -1 for none.
    """
    correct = np.empty(len(queries), dtype=bool)
    for low in range(0, len(queries), _BLOCK):
        part = slice(low, min(low + _BLOCK, len(queries)))
        rivals = np.einsum("rl,rkl->rk", queries[part], answers[candidates[part]], optimize=True)
        rivals = np.where(candidates[part] == _NONE, -np.inf, rivals)
        own = row_products(queries[part], answers[part])
        correct[part] = own > rivals.max(axis=1) + TIE
    return correct


def summarise(
    correct: np.ndarray, questions: Questions, direction: str, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Share correct in one direction, over the items that have any wrong answer."""
    asked = questions.counts > 0
    counts = questions.counts[asked]
    if not len(counts):
        return {direction: None, f"{direction}_n": 0}
    return {
        direction: float(correct[asked].mean()),
        f"{direction}_ci95": interval(correct[asked], draws=draws, seed=seed),
        f"{direction}_n": int(asked.sum()),
        f"{direction}_chance": float((1 / (1 + counts)).mean()),
        f"{direction}_k_min": int(counts.min()),
        f"{direction}_k_mean": float(counts.mean()),
        f"{direction}_hard_share": float(questions.hard.sum() / counts.sum()),
    }


def _empty(n: int, k: int) -> Questions:
    return Questions(np.full((n, k), _NONE), np.zeros((n, k), dtype=bool))


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"hard negatives: k must be 1 or more, not {k}")
