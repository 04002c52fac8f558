"""Groups, names, leaks, splits, vocabulary and measures, against what is worked out by hand."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from glasskit.data.leaks import leaked_words
from glasskit.data.schema import Concept, Record
from glasskit.data.vocabulary import read_vocabulary
from glasskit.errors import InputError
from glasskit.grouping import clusters
from glasskit.grouping.clusters import (
    assign_names,
    cluster,
    group_means,
    joined,
    name_scores,
)
from glasskit.grouping.pipeline import with_hard_negatives
from glasskit.grouping.quality import agreement, cohesions, loose, tightness
from glasskit.grouping.records import make_records, split_records
from glasskit.grouping.sources import Photo
from glasskit.models.vectors import unit


def _blobs(sizes: list[int], width: int = 16, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around as many axes as there are sizes, shuffled, with their true group."""
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(width)[truth] + noise * rng.standard_normal((len(truth), width))
    order = rng.permutation(len(truth))
    return unit(points[order].astype(np.float32)), truth[order]


# --- groups


def test_a_photograph_is_the_mean_of_its_captions() -> None:
    captions = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
    vectors = unit(group_means(captions, np.array([0, 0, 1])))
    np.testing.assert_allclose(vectors, [[0.5**0.5, 0.5**0.5], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("sample", [5_000, 40], ids=["all pairs", "a sample"])
def test_groups_are_found_and_numbered_by_size(
    monkeypatch: pytest.MonkeyPatch, sample: int
) -> None:
    monkeypatch.setattr(clusters, "SAMPLE", sample)
    vectors, truth = _blobs([20, 50, 30])
    labels = cluster(vectors, 3, smallest=4, seed=0)
    np.testing.assert_array_equal(labels, np.array([2, 0, 1])[truth])
    np.testing.assert_array_equal(labels, cluster(vectors, 3, smallest=4, seed=0))


def test_groups_that_are_too_small_join_the_nearest() -> None:
    vectors, truth = _blobs([20, 20, 2])
    near = vectors.copy()
    near[truth == 2] = unit(near[truth == 2] + 0.8 * np.eye(16, dtype=np.float32)[1])
    labels = cluster(near, 3, smallest=4, seed=0)
    assert sorted(Counter(labels.tolist()).values()) == [20, 22]
    assert len(set(labels[truth >= 1])) == 1


@pytest.mark.parametrize(
    ("groups", "smallest", "says"),
    [
        (11, 2, "concepts 11: choose 2 to 10"),
        (1, 2, "concepts 1: choose 2 to 10"),
        (2, 6, "10 photographs are too few for two concepts of 6"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(groups: int, smallest: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        cluster(_blobs([5, 5])[0], groups, smallest, 0)


# --- names


def test_no_name_is_given_twice_and_the_best_sum_wins() -> None:
    scores = np.array([[0.9, 0.8, 0.0], [0.9, 0.1, 0.2]], dtype=np.float32)
    assert assign_names(scores).tolist() == [1, 0]
    with pytest.raises(InputError, match="concepts 3: the vocabulary has only 2 names"):
        assign_names(scores.T)


def test_a_name_that_is_near_to_everything_does_not_win_everything() -> None:
    common = np.array([3.0, 0, 0, 0])
    means = (common + np.eye(4)[1:]).astype(np.float32)
    names = unit((common + np.array([[0, 0, 0, 0], *(0.5 * np.eye(4)[1:])])).astype(np.float32))
    assert name_scores(means, names).argmax(1).tolist() == [1, 2, 3]


def test_hard_negatives_are_the_nearest_others() -> None:
    angles = np.deg2rad([0, 10, 50, 170])
    names = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    concepts = [Concept((name, None, None, None)) for name in "abcd"]

    def named(count: int) -> list[str]:
        made = with_hard_negatives(concepts, names, count)
        return ["".join(concept.hard_negatives) for concept in made]

    assert named(2) == ["bc", "ac", "ba", "cb"]
    assert named(9)[0] == "bcd"
    assert named(0) == ["", "", "", ""]


# --- leaks


@pytest.mark.parametrize(
    ("caption", "names", "words"),
    [
        ("People celebrating outside", ("celebration", None), ["celebrating"]),
        ("He learns by the sea", ("learning", "sea life"), ["learns", "sea"]),
        ("art and salt and pepper, a smart party", ("art and decoration",), ["art"]),
        ("dining out of the way", ("dining out",), ["dining"]),
        ("un café", ("café",), ["café"]),
        ("", ("joy",), []),
    ],
)
def test_leaks(caption: str, names: tuple[str | None, ...], words: list[str]) -> None:
    assert leaked_words(caption, names) == words


# --- overlapping groups


def _at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def test_a_photograph_joins_a_group_whose_reach_it_is_in() -> None:
    # Group 0 at 0, 10, 20: each is 15, 0 and 15 degrees from the mean of the others, so its reach
    # is about 15 from its mean at 10. Group 1 at 24, 44: each is 20 from the other, its mean 34.
    vectors, groups = _at(0, 10, 20, 24, 44, 90, 90), np.array([0, 0, 0, 1, 1, 2, 2])
    # 24 is 14 from 10; 20 is 14 from 34, but 10 is 24 from it, and 44 is 34 from 10.
    assert joined(vectors, groups, 3) == [[0], [0], [0, 1], [1, 0], [1], [2], [2]]
    assert joined(vectors, groups, 1) == [[0], [0], [0], [1], [1], [2], [2]]


def test_a_group_that_a_caption_names_is_not_joined() -> None:
    photos = [Photo("a.png", ("people at a feast",)), Photo("b.png", ("people dance",))]
    records, _ = make_records(photos, [["frost", "feast"], ["frost", "feast"]], fix_leaks=False)
    assert [record.labels for record in records] == [("frost",), ("frost", "feast")]


# --- splits


def test_every_concept_gives_its_share_to_every_split() -> None:
    sizes = {"a": 20, "b": 10, "c": 3, "d": 1}
    whole = [Record(f"{name}{i}", (name,), ("x",)) for name, n in sizes.items() for i in range(n)]
    records = split_records(whole, 0.1, 0.2, seed=1)
    counts = Counter((record.concept, record.split) for record in records)
    expected = {"a": (14, 2, 4), "b": (7, 1, 2), "c": (1, 1, 1), "d": (1, 0, 0)}
    for name, numbers in expected.items():
        assert tuple(counts[name, split] for split in ("train", "val", "test")) == numbers
    assert [record.key for record in records] == [record.key for record in whole]
    assert records == split_records(whole, 0.1, 0.2, 1) != split_records(whole, 0.1, 0.2, 2)


# --- the vocabulary


def test_the_built_in_vocabulary_is_whole() -> None:
    levels = [concept.levels for concept in read_vocabulary()]
    assert len(levels) == len({names[0] for names in levels}) >= 300
    assert all(re.fullmatch(r"[a-z][a-z -]+", name or "") for names in levels for name in names)
    above = {names[1]: names[2:] for names in levels}
    assert all(above[names[1]] == names[2:] for names in levels), "a level 2 has one place"


@pytest.mark.parametrize(
    ("name", "text", "levels"),
    [
        ("v.txt", "joy # bright\n\n# none\ngrief\n", ("grief", None, None, None)),
        (
            "v.json",
            '[{"level1": "joy"}, {"level1": "grief", "level3": "emotion", "guide": "loss"}]',
            ("grief", None, "emotion", None),
        ),
    ],
)
def test_both_forms_of_a_vocabulary(
    tmp_path: Path, name: str, text: str, levels: tuple[str | None, ...]
) -> None:
    (tmp_path / name).write_text(text)
    vocabulary = read_vocabulary(tmp_path / name)
    assert [concept.name for concept in vocabulary] == ["joy", "grief"]
    assert vocabulary[1].levels == levels


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("v.txt", "joy\njoy\n", "concept 'joy' comes twice"),
        ("v.txt", "cafe\u0301\nCafé\n", "two concepts look the same"),
        ("v.txt", "joy\n", "needs two concepts or more"),
        ("v.txt", "x" * 61 + "\ny", "1 to 60 characters"),
        ("v.csv", "x", "a vocabulary is a .json or .txt file"),
    ],
)
def test_a_broken_vocabulary_is_named(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=re.escape(line)):
        read_vocabulary(tmp_path / name)


# --- measures


def test_tightness_by_hand() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    measured = tightness(vectors, np.array([0, 0, 1, 1]), seed=0)
    assert measured.within == pytest.approx((1 + 0.8) / 2)
    assert measured.between == pytest.approx((0 + 0.6 + 0 + 0.6) / 4)
    # Cosine distances a (own group) and b (other group): 0 and 0.7 twice; 0.2 and 1; 0.2 and 0.4.
    assert measured.silhouette == pytest.approx((1 + 1 + 0.8 + 0.5) / 4, abs=1e-6)


def test_cohesion_and_loose_groups_by_hand() -> None:
    east, north, west = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
    vectors = np.array([east, east, east, north, north, east, west, north], dtype=np.float32)
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 3])
    assert cohesions(vectors, groups).tolist() == [1.0, 1.0, -1.0, 0.0]
    assert loose(np.array([0.4, 0.5, 0.24, 0.5])).tolist() == [False, False, False, False]
    assert loose(np.array([0.4, 0.5, 0.22, 0.5])).tolist() == [False, False, True, False]


def test_agreement_by_hand() -> None:
    groups = ["joy", "joy", "joy", "grief", "grief", "grief"]
    measured = agreement(groups, ["joy", "joy", "awe", "joy", "awe", None])
    assert measured is not None
    assert (measured.labelled, measured.labels) == (5, 2)
    assert measured.purity == pytest.approx((2 + 1) / 5)
    assert measured.named == pytest.approx(2 / 5)
    perfect = agreement(groups, ["x", "x", "x", "y", "y", "y"])
    assert perfect is not None
    assert (perfect.purity, perfect.nmi, perfect.ari, perfect.named) == (1, 1, 1, 0)
    assert agreement(groups, [None] * 6) is None
