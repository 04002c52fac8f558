"""Captions from COCO JSON, CSV and folders; what is broken is named by file and line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit.grouping.sources import Photo, read_captions


def test_coco_captions_are_gathered_by_photograph(tmp_path: Path) -> None:
    file = tmp_path / "captions.json"
    images = {785: "COCO_val2014_000000000785.jpg", 3: "mine.png", 4: "2.jpg", 5: "3.jpg"}
    said = [(785, " a skier  on\nsnow "), (3, "a cup"), (785, "a red jacket"), (4, " ")]
    said += [(785, "a red jacket"), (139, "a room")]
    value = {
        "images": [{"id": key, "file_name": name} for key, name in images.items()],
        "annotations": [{"image_id": key, "caption": text} for key, text in said],
    }
    file.write_text(json.dumps(value), encoding="utf-8")
    assert read_captions(file) == (
        [
            Photo("785", ("a skier on snow", "a red jacket")),
            Photo("mine.png", ("a cup",)),
            Photo("139", ("a room",)),
        ],
        (
            "images left out, which have no caption: 2, first 2.jpg",
            "annotations left out, whose caption is empty: 1, first 4",
        ),
    )


def test_a_table_may_have_labels_other_columns_and_faults_that_are_told(tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text(
        '\ufeffimage,note,caption,concept\na.png,x,"a cup, red",rest\na.png,,a mug,\nb.png,,sea,\n'
        'd.jpg,,"a dog\nb.jpg,,a cat",\nc.jpg,, ,\n'
    )
    assert read_captions(file) == (
        [
            Photo("a.png", ("a cup, red", "a mug"), "rest"),
            Photo("b.png", ("sea",)),
            Photo("d.jpg", ("a dog b.jpg,,a cat",)),
        ],
        (
            "rows left out, which have no caption: 1, first line 7",
            "captions over several lines, where a double quote may be missing: 1, first line 5",
        ),
    )


def test_a_folder_as_cameras_macs_and_people_write_it(tmp_path: Path) -> None:
    pictures = ("P0.JPG", "p1.png", "p1.PNG.jpg", "no.webp", "in/p2.jpeg", "cafe\u0301.Png")
    texts = {
        "p0.TXT": "a caf\u00e9\r\n\r\n one\u2028line ".encode("utf-16"),
        "p1.txt": b"two",
        "in/P2.txt": b"three",
        "caf\u00e9.TXT": b"b",
        "README.txt": b"of what is here",
        "._p0.txt": b"\0\5\26\7",
        "__MACOSX/p1.txt": b"\0\5\26\7",
    }
    for name, data in {**dict.fromkeys(pictures, b""), **texts, "film.mp4": b""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    photos, notes = read_captions(tmp_path)
    assert {photo.key: photo.captions for photo in photos} == {
        "P0.JPG": ("a caf\u00e9", "one line"),
        "p1.png": ("two",),
        "in/p2.jpeg": ("three",),
        "cafe\u0301.Png": ("b",),
    }
    assert notes == (
        "pictures left out, which have no caption: 2, first no.webp",
        ".txt files left out, beside which there is no picture of their name: 1, first README.txt",
        "1 file left out (.mp4 1), 2 hidden files",
    )


BROKEN = {
    "a.csv": [
        ("picture,caption\n1,x\n", "a.csv: the column 'image' is missing"),
        ("", "a.csv: the file is empty"),
        ("image:caption\n1:x\n", "the first line must name the columns, and has 'image:caption'"),
        ("image,caption\n1\n", "a.csv: line 2: 1 field where the header has 2"),
        (
            'image,caption\n\na.jpg,a cup\nb.jpg,"a dog\nc.jpg,a cat\n',
            "a.csv: line 4: a double quote is opened there and never closed",
        ),
        ("image,caption\n1,x\x1b[31m\n", "line 2: 'caption' holds a control character"),
        ("image,caption\n1,\n", "no caption in it (rows left out, which have no caption: 1"),
        ("image,caption,concept\n1,x,joy\n1,y,grief\n", "image '1' has two concepts, 'joy' and"),
    ],
    "a.json": [
        ("[]", "a.json: not COCO captions; there is no list 'annotations'"),
        ('{"anotations": []}', "unknown key 'anotations', did you mean 'annotations'?"),
        ('{"annotations": [3]}', "annotation 1: 'image_id' must be a whole number"),
        ('{"annotations": [{"image_id": 1, "caption": 3}]}', "1: 'caption' must be a text"),
        (
            '{"annotations": [], "images": [{"id": 1, "file_name": "a"}, {"id": 1}]}',
            "image 2: the id 1 comes twice",
        ),
    ],
    "a.parquet": [("x", "a.parquet: give a COCO captions .json, a .csv")],
}


@pytest.mark.parametrize(
    ("name", "text", "line"), [(name, *row) for name, rows in BROKEN.items() for row in rows]
)
def test_what_is_broken_is_named(tmp_path: Path, name: str, text: str, line: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=re.escape(line)) as said:
        read_captions(tmp_path / name)
    assert "\n" not in str(said.value)


def test_folders_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_captions(tmp_path / "none")
    for name, data, says in (
        (None, b"", "there is no caption in it"),
        ("a.txt", b"a caption", r"beside which there is no picture .*: 1, first a\.txt"),
        ("a.png", b"", None),
        ("a.txt", b" \n", r"which hold no caption: 1, first a\.txt"),
        ("a.txt", b"a caf\xe9", r"a\.txt: not readable text \(line 1 is not utf-8"),
        ("a.jpg", b"", r"a\.txt: is it the caption of a\.jpg or a\.png\?"),
    ):
        if name:
            (tmp_path / name).write_bytes(data)
        if says:
            with pytest.raises(InputError, match=says):
                read_captions(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_as_spreadsheets_write_it(
    tmp_path: Path, delimiter: str, ends: str, encoding: str
) -> None:
    written = io.StringIO()
    table = [("image", "caption"), ("a.jpg", "a dog, wet"), ("b.jpg", 'a "big" café')]
    csv.writer(written, delimiter=delimiter, lineterminator=ends).writerows(table)
    text = written.getvalue()
    for number, each in enumerate((text, f"sep={delimiter}{ends}{text}{ends}{delimiter}{ends}")):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(each.encode(encoding))
        assert read_captions(file)[0] == [
            Photo("a.jpg", ("a dog, wet",)),
            Photo("b.jpg", ('a "big" café',)),
        ]
