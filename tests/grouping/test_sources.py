"""Captions from COCO JSON, CSV and folders; what is broken is named by file and line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glasskit.errors import InputError
from glasskit.grouping.sources import Photo, read_captions


def _coco(file: Path, value: Any) -> Path:
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_coco_captions_are_gathered_by_photograph(tmp_path: Path) -> None:
    file = _coco(
        tmp_path / "captions.json",
        {
            "images": [
                {"id": 785, "file_name": "COCO_val2014_000000000785.jpg"},
                {"id": 3, "file_name": "mine.png"},
            ],
            "annotations": [
                {"image_id": 785, "caption": " a skier  on\nsnow "},
                {"image_id": 3, "caption": "a cup"},
                {"image_id": 785, "caption": "a red jacket"},
                {"image_id": 785, "caption": "a red jacket"},
                {"image_id": 139, "caption": "a room"},
            ],
        },
    )
    assert read_captions(file) == [
        Photo("785", ("a skier on snow", "a red jacket")),
        Photo("mine.png", ("a cup",)),
        Photo("139", ("a room",)),
    ]


def test_a_table_may_have_labels_and_other_columns(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(
        '\ufeffimage,note,caption,concept\na.png,x,"a cup, red",rest\na.png,,a mug,\nb.png,,sea,\n'
    )
    assert read_captions(file) == [
        Photo("a.png", ("a cup, red", "a mug"), "rest"),
        Photo("b.png", ("sea",)),
    ]


def test_a_folder_has_a_text_beside_each_picture(tmp_path: Path) -> None:
    for name, text in {"b": "one\n\n two \n", "in/a": "three"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(path.with_suffix(".png"))
        path.with_suffix(".txt").write_text(text)
    Image.new("RGB", (4, 4)).save(tmp_path / "no_caption.png")
    assert read_captions(tmp_path) == [
        Photo("b.png", ("one", "two")),
        Photo("in/a.png", ("three",)),
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "picture,caption\n1,x\n", "a.csv: the column 'image' is missing"),
        ("a.csv", "", "a.csv: the column 'caption' is missing"),
        ("a.csv", "image,caption\n1,x\n2, \n", "a.csv: line 3: 'caption' must be a text"),
        ("a.csv", "image,caption\n1\n", "a.csv: line 2: 'caption' must be a text"),
        ("a.csv", "image,caption\n", "a.csv: there is no caption in it"),
        (
            "a.csv",
            "image,caption,concept\n1,x,joy\n1,y,grief\n",
            "a.csv: image '1' has two concepts, 'joy' and 'grief'",
        ),
        ("a.json", "{", "a.json: not readable JSON"),
        ("a.json", "[]", "a.json: not COCO captions; there is no list 'annotations'"),
        ("a.json", '{"annotations": []}', "a.json: there is no caption in it"),
        ("a.json", '{"annotations": [3]}', "annotation 1: 'image_id' must be a whole number"),
        (
            "a.json",
            '{"annotations": [{"image_id": true, "caption": "x"}]}',
            "annotation 1: 'image_id' must be a whole number",
        ),
        (
            "a.json",
            '{"annotations": [{"image_id": 1, "caption": ["x"]}]}',
            "annotation 1: 'caption' must be a text",
        ),
        ("a.json", '{"images": 3, "annotations": []}', "'images' must be a list"),
        ("a.json", '{"images": [{"id": 1}], "annotations": []}', "image 1: 'file_name' must be"),
        ("a.json", "[" * 100_000, "a.json: not readable JSON"),
        ("a.parquet", "x", "a.parquet: give a COCO captions .json, a .csv"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=re.escape(line)) as said:
        read_captions(tmp_path / name)
    assert "\n" not in str(said.value)


def test_folders_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_captions(tmp_path / "none")
    with pytest.raises(InputError, match="there is no caption in it"):
        read_captions(tmp_path)
    (tmp_path / "a.txt").write_text("a caption")
    with pytest.raises(InputError, match=r"a\.txt: there is no picture of this name beside it"):
        read_captions(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(" \n")
    with pytest.raises(InputError, match=r"a\.txt: it holds no caption"):
        read_captions(tmp_path)


def test_pictures_are_matched_in_any_writing(tmp_path: Path, caplog) -> None:
    for name in ("p0.JPG", "cafe\u0301.Png", "in/p1.jpeg", "alone.gif", "._p0.JPG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    texts = {"p0.txt": "a", "caf\u00e9.TXT": "b", "in/P1.txt": "c", "._p0.txt": "\0\5\x16\7"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "film.mp4").write_bytes(b"")
    assert {photo.key: photo.captions for photo in read_captions(tmp_path)} == {
        "cafe\u0301.Png": ("b",),
        "in/p1.jpeg": ("c",),
        "p0.JPG": ("a",),
    }
    assert caplog.messages == [f"{tmp_path}: 4 pictures; 1 file left out (.mp4 1), 2 hidden"]
    (tmp_path / "p0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"p0\.txt: is it the caption of p0\.JPG or p0\.png\?"):
        read_captions(tmp_path)


def test_files_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    for name in ("a.csv", "a.json"):
        (tmp_path / name).write_bytes(b"image,caption\n1,\xff\xfe\n")
        with pytest.raises(InputError, match=re.escape(name) + ": not (a )?readable"):
            read_captions(tmp_path / name)
