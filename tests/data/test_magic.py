"""The MAGIC layout: every broken file is one line that names file, concept and record."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glasskit.data import load_dataset, read_magic, write_magic
from glasskit.data.images import MissingImages
from glasskit.errors import InputError

NONE = MissingImages("no pictures in this test")


def _picture(image: Any, **more: Any) -> dict[str, Any]:
    return {"image": image, "old_captions": [f"caption of {image}"], "new_captions": []} | more


GOOD: list[dict[str, Any]] = [
    {
        "concept": "grief",
        "hard_negative": ["joy"],
        "train_images": [
            _picture(7, level2="feeling", also=["joy"], negation="nobody is here"),
            _picture("a.png"),
        ],
        "val_images": [_picture("b.png")],
        "test_images": [_picture("c.png", new_captions=["what is left"])],
    },
    {"concept": "joy", "train_images": [_picture("d.png", level1="joy")]},
]


def _read(folder: Path, value: Any, taxonomy: Any = None) -> Any:
    file = folder / "set.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    if taxonomy is not None:
        (folder / "taxonomy.json").write_text(json.dumps(taxonomy), encoding="utf-8")
    return read_magic(file, NONE)


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    data = _read(tmp_path, GOOD)
    assert [record.key for record in data.records] == ["7", "a.png", "b.png", "c.png", "d.png"]
    assert [record.split for record in data.records] == ["train", "train", "val", "test", "train"]
    assert data.by_name["grief"].levels == ("grief", "feeling", None, None)
    assert data.by_name["grief"].hard_negatives == ("joy",)
    first = data.records[0]
    assert (first.also, first.negation) == (("joy",), "nobody is here")
    assert data.records[3].captions == ("caption of c.png", "what is left")


def test_views_of_it(tmp_path: Path) -> None:
    data = _read(tmp_path, GOOD)
    assert data.labels(2) == ("feeling",)
    np.testing.assert_array_equal(data.targets(2), [0, 0, 0, 0, -1])
    np.testing.assert_array_equal(data.acceptable(2)[4], [False])
    assert data.split("val").by_name.keys() == {"grief", "joy"}, "the whole taxonomy stays"
    assert [r.key for r in data.select([3, 0]).records] == ["c.png", "7"]
    assert [r.key for r in data.where(lambda r: bool(r.theme)).records] == ["c.png"]


def test_a_split_without_records_or_of_another_name_is_refused(tmp_path: Path) -> None:
    data = _read(tmp_path, GOOD[1:])
    with pytest.raises(InputError, match="no records in its test split"):
        data.split("test")
    with pytest.raises(InputError, match="choose one of train, val, test"):
        data.split("dev")
    with pytest.raises(InputError, match="level 5: choose 1 to 4"):
        data.labels(5)


# --- what is wrong is named: file, concept, record


FIRST, SECOND = (0, "train_images", 0), (0, "train_images", 1)
TWICE = "image '7': the picture stands twice under 'grief'"
WRONG: list[tuple[tuple[Any, ...], Any, str]] = [  # where a value is put, the value, what is said
    ((0,), "grief", "concept 1: must be an object, not str"),
    ((0, "concept"), " ", "concept 1: 'concept' must be a text"),
    ((1, "concept"), " grief ", "concept 'grief': it comes twice"),
    ((0, "concept"), "J\u200boy", "two concepts look the same, 'J\\u200boy' and 'joy'"),
    ((0, "hard_negative"), ["awe"], "concept 'grief': hard negative 'awe' is not a concept"),
    ((0, "hard_negative"), ["grief"], "concept 'grief': it is its own hard negative"),
    (FIRST, 3, "concept 'grief', train_images: a picture must be an object, not int"),
    *(((*FIRST, "image"), to, "a picture has no 'image'") for to in ("  ", True, 1.5, -7)),
    ((*FIRST, "old_captions"), [], "train_images, image 7: 'old_captions' is empty"),
    ((*FIRST, "old_captions"), "one", "image 7: 'old_captions' must be a list, not str"),
    (
        (*FIRST, "old_captions"),
        ["a \ud83d"],
        "half a character, as of an emoji cut in two (U+D83D)",
    ),
    ((*FIRST, "new_captions"), [4], "image 7: 'new_captions' must hold texts"),
    ((*FIRST, "negation"), "no\0body", "'negation' holds a control character (U+0000)"),
    ((*FIRST, "level2"), 2, "image 7: 'level2' must be a text"),
    ((*FIRST, "level1"), "joy", "level1 is 'joy' but it stands under concept 'grief'"),
    ((*SECOND, "level2"), "mood", "'a.png': level2 is 'mood', elsewhere it is 'feeling'"),
    ((*FIRST, "also"), ["awe"], "concept 'grief', image '7': 'also' name 'awe' is not a concept"),
    ((*FIRST, "also"), ["Joy"], "'also' name 'Joy' is not a concept, did you mean 'joy'?"),
    ((0, "trian_images"), [], "unknown key 'trian_images', did you mean 'train_images'?"),
    ((1, "test"), [], "concept 2: unknown key 'test'"),
    ((*FIRST, "captions"), ["a"], "unknown key 'captions', did you mean 'old_captions'?"),
    ((*SECOND, "image"), "7", TWICE),
    ((0, "test_images", 0, "image"), 7, TWICE),
    ((0, "test_images", 0, "image"), "000000000007", "the picture stands twice under 'grief'"),
    ((1, "train_images", 0, "image"), "c.png", "it is in the train split here and in the test"),
    ((*FIRST, "labels"), ["joy"], "'labels' lacks 'grief', the concept that it stands under"),
    ((*FIRST, "themes"), ["x"], "'themes' must be an object of label: sentence"),
]


@pytest.mark.parametrize(("path", "to", "line"), WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, path: tuple[Any, ...], to: Any, line: str) -> None:
    value: Any = copy.deepcopy(GOOD)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    with pytest.raises(InputError, match=re.escape(line)) as said:
        _read(tmp_path, value)
    assert str(said.value).startswith(f"{tmp_path / 'set.json'}: ")
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("value", "line"),
    [({}, "must be a list of concepts"), ([{"concept": "joy"}], "there is no picture in it")],
)
def test_files_that_are_no_list_of_concepts(tmp_path: Path, value: Any, line: str) -> None:
    with pytest.raises(InputError, match=line):
        _read(tmp_path, value)


def test_blanks_and_unicode_forms_of_names_do_not_count(tmp_path: Path) -> None:
    value = copy.deepcopy(GOOD)
    value[0]["concept"], value[0]["hard_negative"] = " cafe\u0301 ", ["joy  "]
    value[1]["train_images"][0] |= {"also": ["caf\u00e9"], "level1": " joy"}
    data = _read(tmp_path, value)
    assert [concept.name for concept in data.concepts] == ["caf\u00e9", "joy"]
    assert data.by_name["caf\u00e9"].hard_negatives == ("joy",)
    assert data.records[-1].also == ("caf\u00e9",)


# --- the taxonomy beside the file


TAXONOMY = [
    {"level1": "awe", "level4": "mind"},
    {"level1": "grief", "level2": "feeling", "level3": "emotion", "guide": "what loss does"},
]


def test_the_taxonomy_beside_the_file_adds_levels_guides_and_concepts(tmp_path: Path) -> None:
    data = _read(tmp_path, GOOD, TAXONOMY)
    assert [concept.name for concept in data.concepts] == ["awe", "grief", "joy"]
    assert data.by_name["grief"].levels == ("grief", "feeling", "emotion", None)
    assert data.by_name["grief"].guide == "what loss does"
    assert data.by_name["awe"].levels == ("awe", None, None, "mind")


@pytest.mark.parametrize(
    ("taxonomy", "line"),
    [
        ([{"level2": "x"}], "entry 1: 'level1' must be a text"),
        ([{"level1": "x"}, {"level1": "x"}], "entry 2: concept 'x' comes twice"),
        ([{"level1": "x", "hard_negatives": []}], "entry 1: unknown key 'hard_negatives', did you"),
        (["x"], "entry 1: must be an object, not str"),
        ({}, "must be a list of concepts"),
        ([TAXONOMY[1] | {"level2": "mood"}], "level2 is 'feeling', elsewhere it is 'mood'"),
    ],
)
def test_a_wrong_taxonomy_is_named(tmp_path: Path, taxonomy: Any, line: str) -> None:
    with pytest.raises(InputError, match=re.escape(line)):
        _read(tmp_path, GOOD, taxonomy)


# --- writing


@pytest.mark.parametrize("source", [None, TAXONOMY, "scenes", "coco-concepts"])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, source: Any) -> None:
    data = load_dataset(source) if isinstance(source, str) else _read(tmp_path, GOOD, source)
    write_magic(data, tmp_path / "again" / "set.json")
    again = read_magic(tmp_path / "again" / "set.json", NONE)
    assert again.concepts == data.concepts
    assert sorted(again.records, key=lambda r: r.key) == sorted(data.records, key=lambda r: r.key)
