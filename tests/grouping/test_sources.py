"""Captions from COCO JSON, CSV and folders; what is broken is named by file and line."""

from __future__ import annotations

import csv
import io
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
    assert read_captions(file).photos == [
        Photo("785", ("a skier on snow", "a red jacket")),
        Photo("mine.png", ("a cup",)),
        Photo("139", ("a room",)),
    ]


def test_a_table_may_have_labels_and_other_columns(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(
        '\ufeffimage,note,caption,concept\na.png,x,"a cup, red",rest\na.png,,a mug,\nb.png,,sea,\n'
    )
    assert read_captions(file).photos == [
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
    assert read_captions(tmp_path) == (
        [Photo("b.png", ("one", "two")), Photo("in/a.png", ("three",))],
        ("pictures left out, which have no caption: 1, first no_caption.png",),
    )


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.csv", "picture,caption\n1,x\n", "a.csv: the column 'image' is missing"),
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.csv", "a.jpg,a dog\nb.jpg,a cat\n", "'image' is missing; the first line must name"),
        ("a.csv", "image:caption\n1:x\n", "and has 'image:caption'"),
        ("a.csv", "image,Caption, caption\n1,x,y\n", "a.csv: the column 'caption' comes twice"),
        ("a.csv", "image,caption\n ,x\n", "a.csv: line 2: 'image' must be a text"),
        ("a.csv", "image,caption\n1\n", "a.csv: line 2: 1 field where the header has 2"),
        (
            "a.csv",
            "image,caption\na.jpg,a dog, on a rainy day\n",
            "a.csv: line 2: 3 fields where the header has 2, with ',' between them (put a text",
        ),
        (
            "a.csv",
            "image,caption,concept\n\na.jpg,a dog\non a rainy day,rest\n",
            "a.csv: line 3: 2 fields where the header has 3",
        ),
        (
            "a.csv",
            'image,caption\na.jpg,a cup\nb.jpg,"a dog\nc.jpg,a cat\n',
            "a.csv: line 3: a double quote is opened there and never closed",
        ),
        (
            "a.csv",
            'sep=;\nimage;caption\na.jpg;"a dog\nb.jpg;"a cat"\n',
            "a.csv: line 3: a text in double quotes goes on after its closing quote in line 4",
        ),
        ("a.csv", "image,caption\n1,x\n2,\0\n", "a.csv: not readable table (line 3 holds a NUL"),
        ("a.csv", "image,caption\n1,x\x1b[31m\n", "line 2: 'caption' holds a control character"),
        (
            "a.csv",
            "image,caption\n1,\n",
            "no caption in it (rows left out, which have no caption: 1",
        ),
        ("a.csv", "image,caption\n", "a.csv: there is no caption in it"),
        (
            "a.csv",
            "image,caption,concept\n1,x,joy\n1,y,grief\n",
            "a.csv: image '1' has two concepts, 'joy' and 'grief'",
        ),
        ("a.json", "{", "a.json: not readable JSON"),
        ("a.json", "[]", "a.json: not COCO captions; there is no list 'annotations'"),
        ("a.json", '{"anotations": []}', "unknown key 'anotations', did you mean 'annotations'?"),
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
        (
            "a.json",
            '{"annotations": [{"image_id": 1, "captions": "x"}]}',
            "unknown key 'captions', did you mean 'caption'?",
        ),
        (
            "a.json",
            '{"annotations": [{"image_id": 1, "caption": "x\\ud83d"}]}',
            "annotation 1: 'caption' holds half a character, as of an emoji cut in two (U+D83D)",
        ),
        (
            "a.json",
            '{"annotations": [], "images": [{"id": 1, "file_name": "a"}, {"id": 1}]}',
            "image 2: the id 1 comes twice",
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
    with pytest.raises(InputError, match=r"beside which there is no picture .*: 1, first a\.txt"):
        read_captions(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(" \n")
    with pytest.raises(InputError, match=r"which hold no caption: 1, first a\.txt"):
        read_captions(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"a caf\xe9")
    with pytest.raises(InputError, match=r"a\.txt: not readable text \(line 1 is not utf-8"):
        read_captions(tmp_path)
    (tmp_path / "a.txt").write_text("a caption")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"a\.txt: is it the caption of a\.jpg or a\.png\?"):
        read_captions(tmp_path)


def test_a_folder_as_cameras_and_macs_write_it(tmp_path: Path) -> None:
    for name in ("P0.JPG", "p1.png", "p1.PNG.jpg", "no.webp"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "p0.TXT").write_bytes("a caf\u00e9\r\none\u2028line".encode("utf-16"))
    (tmp_path / "p1.txt").write_text("two")
    (tmp_path / "README.txt").write_text("of what is here")
    (tmp_path / "__MACOSX").mkdir()
    for name in ("._p0.txt", "._P0.JPG", "__MACOSX/p1.txt"):
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    photos, notes = read_captions(tmp_path)
    assert photos == [Photo("P0.JPG", ("a caf\u00e9", "one line")), Photo("p1.png", ("two",))]
    assert notes == (
        "pictures left out, which have no caption: 2, first no.webp",
        ".txt files left out, beside which there is no picture of their name: 1, first README.txt",
        "3 hidden files left out",
    )


def test_images_and_annotations_without_a_caption_are_counted(tmp_path: Path) -> None:
    file = _coco(
        tmp_path / "captions.json",
        {
            "images": [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2, 3)],
            "annotations": [{"image_id": 1, "caption": "x"}, {"image_id": 2, "caption": " "}],
        },
    )
    photos, notes = read_captions(file)
    assert photos == [Photo("1.jpg", ("x",))]
    assert notes == (
        "images left out, which have no caption: 2, first 2.jpg",
        "annotations left out, whose caption is empty: 1, first 2",
    )


TABLE = [("image", "caption"), ("a.jpg", "a dog, wet"), ("b.jpg", 'a "big" café')]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_spreadsheets_write_it(
    tmp_path: Path, delimiter: str, ends: str, encoding: str
) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator=ends).writerows(TABLE)
    for number, text in enumerate(
        (written.getvalue(), f"sep={delimiter}{ends}{written.getvalue()}{ends}{delimiter}{ends}")
    ):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(text.encode(encoding))
        assert read_captions(file).photos == [
            Photo("a.jpg", ("a dog, wet",)),
            Photo("b.jpg", ('a "big" café',)),
        ]


@pytest.mark.parametrize(
    "header",
    [
        "Image,Caption",
        "IMAGE, caption ",
        '"image", "caption"',
        ",image,caption",
        "image,caption,,",
        "\n\nimage,caption",
    ],
)
def test_a_header_is_known_whatever_its_case_and_blanks(tmp_path: Path, header: str) -> None:
    file = tmp_path / "a.csv"
    first = "0," if header.startswith(",") else ""
    file.write_text(f'{header}\n{first}a.jpg, "a dog, wet" ,\n')
    assert read_captions(file).photos == [Photo("a.jpg", ("a dog, wet",))]


def test_captions_over_several_lines_and_empty_ones_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('image,caption\na.jpg,"a dog\nb.jpg,a cat"\nc.jpg, \nd.jpg,sea\n')
    photos, notes = read_captions(file)
    assert [photo.key for photo in photos] == ["a.jpg", "d.jpg"]
    assert notes == (
        "rows left out, which have no caption: 1, first line 4",
        "captions over several lines, where a double quote may be missing: 1, first line 2",
    )


def test_pictures_are_matched_in_any_writing(tmp_path: Path) -> None:
    for name in ("p0.JPG", "cafe\u0301.Png", "in/p1.jpeg", "alone.gif", "._p0.JPG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    texts = {"p0.txt": "a", "caf\u00e9.TXT": "b", "in/P1.txt": "c", "._p0.txt": "\0\5\x16\7"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "film.mp4").write_bytes(b"")
    photos, notes = read_captions(tmp_path)
    assert {photo.key: photo.captions for photo in photos} == {
        "cafe\u0301.Png": ("b",),
        "in/p1.jpeg": ("c",),
        "p0.JPG": ("a",),
    }
    assert notes == (
        "pictures left out, which have no caption: 1, first alone.gif",
        "1 file left out (.mp4 1), 2 hidden files",
    )
    (tmp_path / "p0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"p0\.txt: is it the caption of p0\.JPG or p0\.png\?"):
        read_captions(tmp_path)


def test_files_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    for name in ("a.csv", "a.json"):
        (tmp_path / name).write_bytes(b"image,caption\n1,\xff\xfe\n")
        with pytest.raises(InputError, match=re.escape(name) + ": not (a )?readable"):
            read_captions(tmp_path / name)
