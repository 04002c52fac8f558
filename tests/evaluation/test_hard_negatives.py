"""Hard-negative choice: the draw and the answers."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_cases import made_up, unit

from glasskit.errors import InputError
from glasskit.evaluation.hard_negatives import (
    IMAGE_TO_TEXT,
    TEXT_TO_IMAGE,
    Questions,
    caption_questions,
    draw_labels,
    draw_records,
    level_questions,
    summarise,
)

DATASET = made_up()


def rows_of(questions: Questions) -> list[list[int]]:
    return [[int(c) for c in row if c >= 0] for row in questions.candidates]


@pytest.mark.parametrize("level", [1, 2, 3, 4, "captions"])
def test_the_draw_keeps_its_rules(level: int | str) -> None:
    at = 1 if isinstance(level, str) else level
    target, acceptable = DATASET.targets(at), DATASET.acceptable(at)
    if isinstance(level, str):
        questions = caption_questions(DATASET, 4, seed=0)
        of_records = list(questions.values())
    else:
        questions = level_questions(DATASET, level, 4, seed=0)
        of_records = [questions[TEXT_TO_IMAGE]]
        for i, labels in enumerate(rows_of(questions[IMAGE_TO_TEXT])):
            assert len(set(labels)) == len(labels)
            assert not acceptable[i, labels].any()
    for drawn in of_records:
        for i, others in enumerate(rows_of(drawn)):
            # There are two realms at level 4: who accepts both has no wrong answer there.
            assert len(set(others)) == len(others) == (0 if acceptable[i].all() else 4)
            assert not acceptable[i, target[others]].any()
            assert not acceptable[others, target[i]].any()


def test_hard_ones_come_first_and_the_rest_fills_up() -> None:
    questions = level_questions(DATASET, 1, 10, seed=0)
    # 12 concepts: 7 hard, of which one may be acceptable; own and also are out.
    assert (questions[IMAGE_TO_TEXT].counts == 10).all()
    for record, hard in zip(DATASET.records, questions[IMAGE_TO_TEXT].hard, strict=True):
        assert hard == (6 if record.also else 7)
    assert (questions[TEXT_TO_IMAGE].hard == 10).all()


def test_same_seed_same_questions() -> None:
    one, two, other = (caption_questions(DATASET, 5, seed)[IMAGE_TO_TEXT] for seed in (3, 3, 4))
    assert (one.candidates == two.candidates).all()
    assert (one.candidates != other.candidates).any()


def test_the_draw_is_uniform() -> None:
    n, k = 201, 3
    concept = np.concatenate([[0], np.ones(n - 1, dtype=int)])
    pools = [np.arange(1, n), np.array([], dtype=int)]
    times = np.zeros(n)
    for seed in range(400):
        drawn = draw_records(
            concept, pools, np.arange(n), lambda a, b: np.broadcast_to(b > 0, b.shape), k, seed
        )
        times[drawn.candidates[0]] += 1
    assert times[0] == 0
    want = 400 * k / (n - 1)
    assert abs(times[1:] - want).max() < 6 * np.sqrt(want)


def test_same_texts_are_one_answer() -> None:
    identity = np.array([0, 1, 1, 1, 2])
    drawn = draw_records(
        np.zeros(5, dtype=int),
        [np.arange(5)],
        identity,
        lambda rows, others: identity[others] != identity[rows][:, None],
        10,
        seed=0,
    )
    assert drawn.counts.tolist() == [2, 2, 2, 2, 2]
    for i, row in enumerate(rows_of(drawn)):
        assert sorted(identity[row]) == sorted({0, 1, 2} - {int(identity[i])})


def test_too_few_wrong_answers_are_all_used_and_counted() -> None:
    acceptable = np.array([[True, False, False], [True, True, True]])
    drawn = draw_labels(acceptable, np.zeros_like(acceptable), 10, seed=0)
    assert sorted(rows_of(drawn)[0]) == [1, 2]
    assert rows_of(drawn)[1] == []
    summary = summarise(np.array([True, False]), drawn, IMAGE_TO_TEXT, np.arange(2))
    assert summary["image_to_text"] == 1.0
    assert summary["image_to_text_n"] == 1  # nothing wrong to choose: not asked
    assert summary["image_to_text_k_min"] == 2
    assert summary["image_to_text_chance"] == pytest.approx(1 / 3)
    empty = draw_labels(np.ones((1, 2), bool), np.zeros((1, 2), bool), 3, seed=0)
    assert summarise(np.array([True]), empty, IMAGE_TO_TEXT, np.arange(1))[IMAGE_TO_TEXT] is None


def test_answers_by_hand() -> None:
    vectors = unit(np.array([[1, 0.0], [0, 1.0], [1, 1.0]]))
    queries = unit(np.array([[1, 0.1], [1, 0.2], [1, 1.0], [1, 1]]))
    asked = Questions(np.array([[1, 2], [0, 2], [0, 1], [0, -1]]), np.zeros(4))
    # The last picture: its right answer is as near as the only wrong one.
    found = asked.answered(queries, vectors, np.array([0, 1, 2, 1]))
    assert found.tolist() == [True, False, True, False]


def test_k_must_be_positive() -> None:
    with pytest.raises(InputError, match="k must be 1 or more"):
        level_questions(DATASET, 1, 0, seed=0)
