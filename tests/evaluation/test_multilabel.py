"""Pictures with several labels: each measure by hand, ties, chance, blind guesses."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from evaluation_cases import made_up, random_embeddings, unit
from sklearn.metrics import average_precision_score

from glasskit.data import load_dataset
from glasskit.data.coco import CARD, second_reading
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError
from glasskit.evaluation import measure_embeddings
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.multilabel import (
    agreement,
    average_precision,
    chance,
    rank_labels,
    ranked,
)

SCORES = np.array(
    [
        [7, 6, 5, 4, 3, 2, 1],
        [7, 6, 5, 4, 3, 2, 1.5],
        [1, 7, 6, 5, 4, 3, 2],
        [7, 7, 5, 4, 3, 2, 1],
        [1, 2, 3, 4, 5, 6, 7],
    ]
)
"""(pictures, labels)"""
CARRIED = np.array(
    [
        [1, 0, 1, 0, 0, 0, 0],  # 1st and 3rd: right at once, 2 of 5
        [0, 1, 0, 0, 0, 1, 1],  # 2nd, 6th and 7th: wrong at first, 1 of 5
        [1, 1, 1, 1, 1, 1, 1],  # whatever comes is right, 5 of 5
        [0, 1, 0, 0, 0, 0, 0],  # shares the first place with a wrong one: 2nd, 1 of 5
        [0, 0, 0, 0, 0, 0, 0],  # no label: not asked
    ],
    dtype=bool,
)


def several(each: int = 6) -> GroupedDataset:
    """``made_up`` with the next two concepts as labels too, and near misses for every other one."""
    data = made_up(each=each)
    names = data.labels(1)
    records = []
    for number, record in enumerate(data.records):
        place = names.index(record.concept)
        near = tuple(names[(place + step) % 12] for step in (5, 6)) if number % 2 else ()
        labels = tuple(names[(place + step) % 12] for step in range(3))
        records.append(replace(record, labels=labels, also=(), not_labels=near))
    return replace(data, records=tuple(records))


def test_a_wrong_one_that_ties_goes_ahead() -> None:
    scores = np.array([[0.9, 0.5, 0.5 + 1e-7, 0.1], [0.1, 0.5, 0.5 - 1e-4, 0.1]], np.float32)
    right = np.array([[0, 1, 0, 1], [1, 1, 0, 0]], dtype=bool)
    hits = ranked(scores, right)
    assert hits.tolist() == [[False, False, True, True], [True, False, False, True]]
    assert average_precision(hits) == pytest.approx([(1 / 3 + 2 / 4) / 2, (1 + 2 / 4) / 2])


def test_average_precision_without_ties_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, right = rng.normal(size=(20, 30)), rng.random((20, 30)) < 0.3
    expected = [average_precision_score(*row) for row in zip(right, scores, strict=True)]
    assert average_precision(ranked(scores, right)) == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_chance_is_the_mean_over_all_rankings(n: int) -> None:
    for r in range(1, n + 1):
        places = list(combinations(range(n), r))
        hits = np.zeros((len(places), n), dtype=bool)
        np.put_along_axis(hits, np.array(places), True, axis=1)
        assert chance(np.array([r]), n) == pytest.approx(average_precision(hits).mean())


def test_each_measure_by_hand() -> None:
    often = np.array([1, 9, 8, 5, 5, 7, 0])  # labels 1, 2, 5, 3, 4 are known to be frequent
    found = rank_labels(SCORES, CARRIED, often)
    assert found.rows.tolist() == [0, 1, 2, 3]
    assert found.acceptable.tolist() == [True, False, True, False]
    assert found.of_five is not None
    assert found.of_five == pytest.approx([2 / 5, 1 / 5, 5 / 5, 1 / 5])
    # Only label 1 has three pictures, 1 to 3; it scores 6, 6, 7, 7 for the four, so that the wrong
    # picture 0 goes ahead of picture 1.
    precision = (1 + 1 + 3 / 4) / 3
    assert found.average_precision == pytest.approx([np.nan, precision, *[np.nan] * 5], nan_ok=True)
    summary = found.summary(np.arange(5))
    assert (summary["n"], summary["labels"], summary["map_labels"]) == (4, 7, 1)
    assert summary["acceptable_top1"] == 2 / 4
    assert summary["precision_at_5"] == pytest.approx((2 + 1 + 5 + 1) / 20)
    assert summary["map"] == pytest.approx(precision)
    assert summary["map_ci95"] is None  # of one label
    chances = [summary[f"chance_{name}"] for name in ("acceptable_top1", "precision_at_5")]
    assert chances == [pytest.approx((2 + 3 + 7 + 1) / 28)] * 2
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    assert summary["chance_map"] == pytest.approx((harmonic + (4 - harmonic) * 2 / 3) / 4)
    assert summary["blind_acceptable_top1"] == 3 / 4
    assert summary["blind_precision_at_5"] == pytest.approx((1 + 2 + 5 + 1) / 20)


def test_a_label_of_all_pictures_says_nothing_and_five_labels_have_no_precision_at_5() -> None:
    carried = np.ones((4, 5), dtype=bool)
    carried[0, 1] = False
    summary = rank_labels(SCORES[:4, :5], carried, np.ones(5)).summary(np.arange(4))
    assert summary["precision_at_5"] is summary["blind_precision_at_5"] is None
    whole = rank_labels(SCORES[:4], np.ones((4, 7), dtype=bool), np.ones(7))
    summary = whole.summary(np.arange(4))
    assert summary["map"] == summary["chance_map"] == pytest.approx(1)


def test_a_blind_model_stays_at_or_below_chance() -> None:
    data = several()
    vectors = random_embeddings(data)
    blind = replace(vectors, picture=np.repeat(vectors.picture[:1], len(data), axis=0))
    for part in measure_embeddings(blind, data).as_dict()["multilabel"].values():
        assert 0 < part["map"] <= part["chance_map"]
    constant = {level: np.full_like(rows, 0.25) for level, rows in vectors.labels.items()}
    out = measure_embeddings(replace(vectors, labels=constant), data).as_dict()
    assert out["multilabel"]["level1"]["acceptable_top1"] == 0
    assert out["multilabel"]["level1"]["precision_at_5"] == 0
    assert out["hard_negative"]["not_labels"]["image_to_text"] == 0


def test_bad_scores_are_refused() -> None:
    with pytest.raises(InputError, match=r"scores \(5, 7\), .* carried \(5, 6\)"):
        rank_labels(SCORES, CARRIED[:, :6], np.ones(7))
    with pytest.raises(InputError, match="NaN"):
        rank_labels(SCORES * np.nan, CARRIED, np.ones(7))


def test_labels_of_a_level_are_the_names_above_the_labels() -> None:
    levels = [("a", "x", "u", None), ("b", "x", "v", None), ("c", None, "v", None)]
    concepts = tuple(Concept(names) for names in levels)
    records = tuple(
        Record(f"{i}", labels, (f"words {i}",))
        for i, labels in enumerate([("a", "b"), ("b", "c"), ("c",), ("a",)])
    )
    data = GroupedDataset("levels", concepts, records, MissingImages("made up in a test"))
    vectors, axes = random_embeddings(made_up(4, 1)), np.eye(3, dtype=np.float32)
    vectors = replace(
        vectors,
        labels={1: axes, 2: axes[:1], 3: axes[:2]},
        picture=unit(np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1], [1, 2, 3.0]])),
        place={f"words {i}": i for i in range(4)},
        texts=vectors.texts[:4, :3],
        caption=vectors.texts[:4, :3],
    )
    out = measure_embeddings(vectors, data).as_dict()["multilabel"]
    assert list(out) == ["level1", "level2", "level3"]
    assert [out[level]["n"] for level in out] == [4, 3, 4]  # "c" has no name at level 2
    assert [out[level]["labels"] for level in out] == [3, 1, 2]
    assert out["level1"]["acceptable_top1"] == 1 / 4
    assert out["level1"]["map"] is None
    assert out["level2"]["acceptable_top1"] == out["level2"]["map"] == 1
    # "u" is of pictures 0 and 3, "v" of 0, 1 and 2: all four are as near, so the wrong one leads.
    assert out["level3"]["acceptable_top1"] == 1 / 4
    assert out["level3"]["map"] == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3)


def test_the_strongest_label_has_to_beat_every_near_miss() -> None:
    data = several().select(range(6, 12))  # pictures of concept 1; near misses are 6 and 7
    vectors = random_embeddings(data, width=12)
    picture = np.zeros((6, 12), dtype=np.float32)
    picture[[1, 3, 5], 1] = 1
    picture[3, 7], picture[5, 2] = 1, 2  # a tie with a near miss; another label of its own is first
    labels = vectors.labels | {1: np.eye(12, dtype=np.float32)}
    vectors = replace(vectors, picture=picture, labels=labels)
    # Of what is known, concept 1 is carried by pictures 0 and 1 of the six and concept 7 by one.
    other = replace(data.records[0], key="other", labels=("concept 7",))
    known = replace(data, records=(*data.records[:2], other))
    hard = measure_embeddings(vectors, data, train=known).as_dict()["hard_negative"]
    near = hard["not_labels"]
    assert (near["image_to_text"], near["image_to_text_n"]) == (pytest.approx(2 / 3), 3)
    assert near["image_to_text_chance"] == pytest.approx(1 / 3)
    # Picture 1 is itself one of the two that make concept 1 frequent: without it there is a tie.
    assert near["image_to_text_blind"] == pytest.approx(2 / 3)


def test_the_parts_of_a_label_are_one_cluster() -> None:
    parts = np.array([[0.1, 0.5, np.nan], [0.3, 0.5, 0.9]])  # two folds, three labels
    one, base = (Outcome({"map": values}, np.arange(50)) for values in (parts, parts * 0.5))
    assert one.over("map") == (3, "label")
    assert one.share("map") == pytest.approx(2.3 / 5)
    assert one.gain(base, "map").difference == pytest.approx(1.15 / 5)
    assert one.gain(base, "map").p == 2 / 2**3


def test_a_second_reading_is_held_against_the_labels() -> None:
    data = several().select(range(3))  # each carries concept 0, 1 and 2
    names = [f"concept {i}" for i in range(12)]
    second = {
        data.records[0].key: names[:3],
        data.records[1].key: [names[7], names[0], names[1], names[2]],
        "of another data set": names,
    }
    found = agreement(data, second)
    assert found["n"] == 2
    assert found["first"] == 1 / 2
    assert found["first_three"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["jaccard"] == pytest.approx((1 + 3 / 4) / 2)
    assert found["first_three_ci95"][0] < found["first_three"] < found["first_three_ci95"][1]
    assert agreement(data, {}) == {"n": 0}
    shipped = agreement(load_dataset("coco-ideas"), second_reading())
    assert shipped["n"] == 114
    card = CARD.read_text()
    for name in ("first", "first_three"):
        assert f"{shipped[name]:.0%}" in card
    assert f"Jaccard {shipped['jaccard']:.2f}".replace("0.", ".") in card
