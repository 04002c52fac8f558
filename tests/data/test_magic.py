"""The MAGIC layout: every broken file is one line that names file, concept and record."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
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
    assert data.labels(1) == ("grief", "joy")
    assert data.labels(2) == ("feeling",)
    np.testing.assert_array_equal(data.targets(1), [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(data.targets(2), [0, 0, 0, 0, -1])
    np.testing.assert_array_equal(data.acceptable(1)[0], [True, True])
    np.testing.assert_array_equal(data.acceptable(1)[1], [True, False])
    np.testing.assert_array_equal(data.acceptable(2)[4], [False])
    groups = data.split("train").groups()
    assert {name: rows.tolist() for name, rows in groups.items()} == {"grief": [0, 1], "joy": [2]}
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


def _change(*path: Any, to: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for step in path[:-1]:
            value = value[step]
        value[path[-1]] = to

    return change


FIRST = (0, "train_images", 0)
WRONG = {
    "not an object": (_change(0, to="grief"), "concept 1: must be an object, not str"),
    "no name": (_change(0, "concept", to=" "), "concept 1: 'concept' must be a text"),
    "named twice": (_change(1, "concept", to="grief"), "concept 'grief': it comes twice"),
    "unknown hard negative": (
        _change(0, "hard_negative", to=["awe"]),
        "concept 'grief': hard negative 'awe' is not a concept",
    ),
    "hard negatives as a text": (
        _change(0, "hard_negative", to="joy"),
        "concept 'grief': 'hard_negative' must be a list, not str",
    ),
    "hard negatives of itself": (
        _change(0, "hard_negative", to=["grief"]),
        "concept 'grief': it is its own hard negative",
    ),
    "pictures as an object": (
        _change(0, "val_images", to={}),
        "concept 'grief': 'val_images' must be a list, not dict",
    ),
    "picture as a number": (
        _change(*FIRST, to=3),
        "concept 'grief', train_images: a picture must be an object, not int",
    ),
    "no image": (
        _change(*FIRST, "image", to=""),
        "'grief', train_images: a picture has no",
    ),
    "image true": (_change(*FIRST, "image", to=True), "train_images: a picture has no 'image'"),
    "image half": (_change(*FIRST, "image", to=1.5), "train_images: a picture has no 'image'"),
    "image blank": (_change(*FIRST, "image", to="  "), "train_images: a picture has no 'image'"),
    "image negative": (_change(*FIRST, "image", to=-7), "train_images: a picture has no 'image'"),
    "no caption": (
        _change(*FIRST, "old_captions", to=[]),
        "concept 'grief', train_images, image 7: 'old_captions' is empty",
    ),
    "captions as a text": (
        _change(*FIRST, "old_captions", to="one"),
        "image 7: 'old_captions' must be a list, not str",
    ),
    "blank caption": (
        _change(*FIRST, "old_captions", to=["one", " "]),
        "image 7: 'old_captions' must hold texts that are not empty",
    ),
    "theme as a number": (
        _change(*FIRST, "new_captions", to=[4]),
        "image 7: 'new_captions' must hold texts",
    ),
    "negation as a list": (
        _change(*FIRST, "negation", to=[]),
        "'negation' must be a text",
    ),
    "level as a number": (_change(*FIRST, "level2", to=2), "image 7: 'level2' must be a text"),
    "another level 1": (
        _change(*FIRST, "level1", to="joy"),
        "image 7: level1 is 'joy' but it stands under concept 'grief'",
    ),
    "levels that differ": (
        _change(0, "train_images", 1, "level2", to="mood"),
        "image 'a.png': level2 is 'mood', elsewhere it is 'feeling'",
    ),
    "unknown also": (
        _change(*FIRST, "also", to=["awe"]),
        "concept 'grief', image '7': 'also' name 'awe' is not a concept",
    ),
    "half an emoji in a caption": (
        _change(*FIRST, "old_captions", to=["one \ud83d"]),
        "image 7: 'old_captions' holds half a character, as of an emoji cut in two (U+D83D)",
    ),
    "half an emoji in a name": (
        _change(1, "concept", to="joy\ude00"),
        "concept 2: 'concept' holds half a character",
    ),
    "half an emoji in a file name": (
        _change(*FIRST, "image", to="a\ud83d.png"),
        "'image' holds half a character",
    ),
    "half an emoji in a key": (
        _change(*FIRST, "\ud83d_captions", to=[]),
        "image 7: unknown key '\\ud83d_captions'",
    ),
    "NUL in a negation": (
        _change(*FIRST, "negation", to="no\0body"),
        "image 7: 'negation' holds a control character (U+0000)",
    ),
    "a misspelt split": (
        _change(0, "trian_images", to=[]),
        "concept 1: unknown key 'trian_images', did you mean 'train_images'?",
    ),
    "a split of another name": (
        _change(0, "validation_images", to=[]),
        "unknown key 'validation_images'; ",
    ),
    "a split without its ending": (_change(1, "test", to=[]), "concept 2: unknown key 'test'"),
    "a key in capitals": (
        _change(0, "Hard_Negative", to=[]),
        "unknown key 'Hard_Negative', did you mean 'hard_negative'?",
    ),
    "captions of another layout": (
        _change(*FIRST, "captions", to=["a"]),
        "train_images, image 7: unknown key 'captions', did you mean 'old_captions'?",
    ),
    "a misspelt key of a picture": (
        _change(*FIRST, "negaton", to="x"),
        "image 7: unknown key 'negaton', did you mean 'negation'?",
    ),
    "names that look the same": (
        _change(0, "concept", to="J\u200boy"),
        "two concepts look the same, 'J\\u200boy' and 'joy'",
    ),
    "one name in two forms": (
        _change(1, "concept", to=" grief "),
        "concept 'grief': it comes twice",
    ),
    "nearly a concept in also": (
        _change(*FIRST, "also", to=["Joy"]),
        "'also' name 'Joy' is not a concept, did you mean 'joy'?",
    ),
    "twice in a split": (
        _change(0, "train_images", 1, "image", to="7"),
        "concept 'grief', image '7': it stands also in train_images of 'grief'",
    ),
    "in two splits": (
        _change(0, "test_images", 0, "image", to=7),
        "concept 'grief', image '7': it stands also in train_images of 'grief'",
    ),
    "under two concepts": (
        _change(1, "train_images", 0, "image", to="c.png"),
        "concept 'joy', image 'c.png': it stands also in test_images of 'grief'",
    ),
    "the same COCO id written in two ways": (
        _change(0, "test_images", 0, "image", to="000000000007"),
        "concept 'grief', image '000000000007': it stands also in train_images of 'grief'",
    ),
}


@pytest.mark.parametrize(("change", "line"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Any], None], line: str) -> None:
    value = copy.deepcopy(GOOD)
    change(value)
    with pytest.raises(InputError, match=re.escape(line)) as said:
        _read(tmp_path, value)
    assert str(said.value).startswith(f"{tmp_path / 'set.json'}: ")
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[", "not readable JSON"),
        ("{}", "must be a list of concepts"),
        ("[]", "there is no picture in it"),
        ('[{"concept": "joy"}]', "there is no picture in it"),
        ("[" * 100_000, "not readable JSON"),
    ],
    ids=["broken", "object", "empty", "no picture", "nested without end"],
)
def test_files_that_are_no_list_of_concepts(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        _read(tmp_path, text)


def test_a_file_that_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "set.json").write_bytes(b'[{"concept": "\xff"}]')
    with pytest.raises(InputError, match="not readable JSON"):
        read_magic(tmp_path / "set.json", NONE)
    with pytest.raises(InputError, match="there is no such file"):
        read_magic(tmp_path / "none.json", NONE)
    with pytest.raises(InputError, match="give scenes, coco-concepts, or a JSON file"):
        load_dataset(tmp_path / "none.json")
    with pytest.raises(InputError, match="not readable JSON"):
        read_magic(tmp_path, NONE)


def test_blanks_and_unicode_forms_of_names_do_not_count(tmp_path: Path) -> None:
    value = copy.deepcopy(GOOD)
    value[0]["concept"], value[0]["hard_negative"] = " cafe\u0301 ", ["joy  "]
    value[1]["train_images"][0] |= {"also": ["caf\u00e9"], "level1": " joy"}
    data = _read(tmp_path, value)
    assert [concept.name for concept in data.concepts] == ["caf\u00e9", "joy"]
    assert data.by_name["caf\u00e9"].hard_negatives == ("joy",)
    assert data.records[-1].also == ("caf\u00e9",)


def test_keys_of_other_tools_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    value = copy.deepcopy(GOOD)
    value[0]["note"] = "x"
    for picture in value[0]["train_images"]:
        picture["width"] = 640
    data = _read(tmp_path, value)
    assert len(data) == 5
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"{tmp_path / 'set.json'}: left out are keys that the layout does not have: "
        "'width' 2 times, 'note' 1 time"
    ]


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


def test_a_record_against_the_taxonomy_is_an_error(tmp_path: Path) -> None:
    taxonomy = [TAXONOMY[1] | {"level2": "mood"}]
    with pytest.raises(InputError, match="image '7': level2 is 'feeling', elsewhere it is 'mood'"):
        _read(tmp_path, GOOD, taxonomy)


@pytest.mark.parametrize(
    ("taxonomy", "line"),
    [
        ([{"level2": "x"}], "entry 1: 'level1' must be a text"),
        ([{"level1": "x"}, {"level1": "x"}], "entry 2: concept 'x' comes twice"),
        ([{"level1": "x", "hard_negatives": []}], "entry 1: unknown key 'hard_negatives', did you"),
        ([{"level1": "x", "level3": 3}], "entry 1: 'level3' must be a text"),
        ([{"level1": "x", "guide": 3}], "entry 1: 'guide' must be a text"),
        (["x"], "entry 1: must be an object, not str"),
        ({}, "must be a list of concepts"),
    ],
)
def test_a_broken_taxonomy_is_named(tmp_path: Path, taxonomy: Any, line: str) -> None:
    with pytest.raises(InputError, match=r"taxonomy\.json: .*" + re.escape(line)):
        _read(tmp_path, GOOD, taxonomy)


# --- writing


@pytest.mark.parametrize("taxonomy", [None, TAXONOMY], ids=["alone", "with taxonomy"])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, taxonomy: Any) -> None:
    data = _read(tmp_path, GOOD, taxonomy)
    write_magic(data, tmp_path / "again" / "set.json")
    again = read_magic(tmp_path / "again" / "set.json", NONE)
    assert again.concepts == data.concepts
    assert sorted(again.records, key=lambda r: r.key) == sorted(data.records, key=lambda r: r.key)


@pytest.mark.parametrize("name", ["scenes", "coco-concepts"])
def test_the_data_sets_of_the_kit_survive_a_round_trip(tmp_path: Path, name: str) -> None:
    data = load_dataset(name)
    write_magic(data, tmp_path / "set.json")
    again = read_magic(tmp_path / "set.json", NONE)
    assert again.concepts == data.concepts
    assert sorted(again.records, key=lambda r: r.key) == sorted(data.records, key=lambda r: r.key)


def test_a_picture_is_written_as_the_layout_has_it(tmp_path: Path) -> None:
    write_magic(_read(tmp_path, GOOD), tmp_path / "out.json")
    grief = json.loads((tmp_path / "out.json").read_text())[0]
    assert grief["train_images"][0] == {
        "image": 7,
        "old_captions": ["caption of 7"],
        "new_captions": [],
        "level1": "grief",
        "level2": "feeling",
        "also": ["joy"],
        "negation": "nobody is here",
    }
    assert grief["train_images"][1]["image"] == "a.png"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    data = _read(tmp_path, GOOD)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "file"))):
        write_magic(data, tmp_path / "file" / "set.json")
