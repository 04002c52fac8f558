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

from glasskit.errors import InputError
from glasskit.evaluation.intervals import interval
from glasskit.models.vectors import TIE, row_products

K = 10
_NONE = -1
_TRIES = 4  # random picks per wanted answer before a row looks at its whole pool
_FEW = 1.5  # of which so many are enough for most rows
_BLOCK = 4096

Wrong = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""wrong(items (r,), candidates (r, w)) -> (r, w) bool: is the candidate a wrong answer?"""


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
        acceptable: (n, c) bool. hard: (n, c) bool: labels of the hard negatives of its concept.
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
    out = _empty(len(concept), k)
    everyone = np.arange(len(concept))
    for a, hard_pool in enumerate(pools):
        items = everyone[concept == a]
        for low in range(0, len(items), _BLOCK):
            rows = items[low : low + _BLOCK]
            for pool, hard in ((hard_pool, True), (everyone, False)):
                _fill(out, _short(out, rows), pool, hard, identity, wrong, rng)
    return out


def _fill(
    out: Questions,
    rows: np.ndarray,
    pool: np.ndarray,
    hard: bool,
    identity: np.ndarray,
    wrong: Wrong,
    rng: np.random.Generator,
) -> None:
    """Add wrong answers from a pool to rows that have fewer than K, as far as the pool goes.

    The first distinct ones of independent picks are a uniform draw without replacement, so a row
    that gets its K from a few random picks never looks at the whole pool; the others do.
    """
    k = out.candidates.shape[1]
    if len(rows) and len(pool) > _TRIES * k:
        picks = pool[rng.integers(len(pool), size=(len(rows), _TRIES * k))]
        for width in (round(_FEW * k), _TRIES * k):
            _add(out, rows, picks[:, :width], hard, identity, wrong, only_full=True)
            short = (out.candidates[rows] == _NONE).any(axis=1)
            rows, picks = rows[short], picks[short]
    for row in rows if len(pool) else ():
        picks = rng.permutation(pool)[None]
        _add(out, row[None], picks, hard, identity, wrong, only_full=False)


def _add(
    out: Questions,
    rows: np.ndarray,
    picks: np.ndarray,
    hard: bool,
    identity: np.ndarray,
    wrong: Wrong,
    *,
    only_full: bool,
) -> None:
    """Append the first distinct wrong answers of ``picks`` (r, w), to at most K a row."""
    had = out.candidates[rows]
    k = had.shape[1]
    answers = np.concatenate([had, picks], axis=1)  # (r, K + w)
    good = np.concatenate([had != _NONE, wrong(rows, picks)], axis=1)
    names = np.where(good, identity[answers], -1 - np.arange(answers.shape[1]))
    order = np.argsort(names, axis=1, kind="stable")
    ranked = np.take_along_axis(names, order, axis=1)
    again = np.zeros_like(good)
    again[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    repeat = np.empty_like(good)
    np.put_along_axis(repeat, order, again, axis=1)
    good &= ~repeat
    first = np.argsort(~good, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(good, first, axis=1)
    marks = np.concatenate([out.hard[rows], np.full(picks.shape, hard)], axis=1)
    keep = found.all(axis=1) if only_full else np.ones(len(rows), dtype=bool)
    chosen = np.where(found, np.take_along_axis(answers, first, axis=1), _NONE)
    out.candidates[rows[keep], : first.shape[1]] = chosen[keep]
    out.hard[rows[keep], : first.shape[1]] = (found & np.take_along_axis(marks, first, axis=1))[
        keep
    ]


def _short(out: Questions, rows: np.ndarray) -> np.ndarray:
    """The rows that have fewer than K wrong answers."""
    return rows[(out.candidates[rows] == _NONE).any(axis=1)]


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
    correct: np.ndarray,
    questions: Questions,
    direction: str,
    clusters: np.ndarray | None = None,
) -> dict[str, Any]:
    """Share correct in one direction, over the items that have any wrong answer."""
    asked = questions.counts > 0
    counts = questions.counts[asked]
    if clusters is not None:
        clusters = clusters[asked]
    if not len(counts):
        return {direction: None, f"{direction}_n": 0}
    return {
        direction: float(correct[asked].mean()),
        f"{direction}_ci95": interval(correct[asked], clusters=clusters),
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
