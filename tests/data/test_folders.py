"""Folders as people have them: names in any writing, files of systems, links, and leaks."""

from __future__ import annotations

import json
import logging
import os
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data.images import FolderImages, MissingImages, scan_folder
from glasskit.errors import InputError

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


def picture(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    with path.open("wb") as file:
        Image.new("RGB", (9, 5), colour).save(file, form)
    return path


# --- names


@pytest.mark.parametrize(
    ("key", "file"),
    [
        ("IMG_1", "IMG_1.JPG"),
        ("IMG_1.JPG", "img_1.jpg"),
        (NFC, f"{NFD}.jpg"),
        (f"{NFD}.jpg", f"{NFC}.JPG"),
        ("./p1.jpg", "p1.jpg"),
        ("in\\Deep\\p1.jpg", "In/deep/p1.JPG"),
        ("in//p1", "in/p1.jpg"),
        (" p1.jpg\n", "p1.jpg"),
        ("p1.jpg", "p1.jpg "),
        ("785", "COCO_train2014_000000000785.jpg"),
        ("street.no.4", "street.no.4.jpg"),
        ("COCO_val2014_000000000785.jpg", "785.jpg"),
        ("in/7", "in/007.jpg"),
        ("cat.png", "cat.png.jpg"),
        ("a\nB.jpg", "a\nb.jpg"),
    ],
)
def test_a_name_is_found_however_it_is_written(tmp_path: Path, key: str, file: str) -> None:
    picture(tmp_path / file)
    images = FolderImages(tmp_path)
    assert images.path(key) == tmp_path / file
    assert images.open(key).size == (9, 5)


def test_the_name_as_written_wins(tmp_path: Path) -> None:
    for name in ("a.jpg", "A.JPG", "a.png", "7.jpg", "007.jpg"):
        picture(tmp_path / name)
    if len(list(tmp_path.iterdir())) < 5:
        pytest.skip("this file system takes a.jpg and A.JPG for one")
    images = FolderImages(tmp_path)
    for key, name in {"a.jpg": "a.jpg", "A.JPG": "A.JPG", "7": "7.jpg", "A": "A.JPG"}.items():
        assert images.path(key).name == name


def test_a_name_that_may_be_two_files_is_one_line(tmp_path: Path) -> None:
    for name in ("p0.jpg", "p0.png"):
        picture(tmp_path / name)
    with pytest.raises(InputError, match=r"'p0' may be 2 files \(p0\.jpg, p0\.png\); name one"):
        FolderImages(tmp_path).path("p0")
    with pytest.raises(InputError, match=r"no picture for record 'p0\.webp'"):
        FolderImages(tmp_path).path("p0.webp")


def test_files_that_come_and_go_are_seen(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("glasskit.data.images.RESCAN", 0.0)
    images = FolderImages(tmp_path)
    with pytest.raises(InputError, match="no picture"):
        images.path("P4")
    file = picture(tmp_path / "p4.jpg")
    assert images.path("P4") == file
    file.rename(tmp_path / "in.jpg")
    with pytest.raises(InputError, match="no picture"):
        images.path("P4")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        *((key, "must stay inside its folder") for key in ("in/../../secret.jpg", "/etc/a", "..")),
        *((key, "must stay inside its folder") for key in ("..\\secret.jpg", "C:\\a.jpg")),
        *((key, None) for key in ("cat\0.png", "x" * 5000, "²", "9" * 5000)),
        ("785", "no picture for record '785'; is it the right folder"),
    ],
)
def test_a_key_of_no_picture_in_the_folder_is_named(
    tmp_path: Path, key: str, says: str | None
) -> None:
    picture(tmp_path / "secret.jpg")
    picture(tmp_path / "pictures" / "in" / "cat.jpg")
    images = FolderImages(tmp_path / "pictures")
    for ask in (images.open, images.fingerprint):
        with pytest.raises(InputError, match=says):
            ask(key)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name of the folder of pictures is empty"):
        FolderImages("")  # not the current folder
    with pytest.raises(InputError, match=r"nowhere: no such folder of pictures; give .* --images"):
        FolderImages(tmp_path / "nowhere")
    images = MissingImages("give --images")
    for ask in (images.open, images.fingerprint):
        with pytest.raises(InputError, match="picture '785' is not here: give --images"):
            ask("785")


def test_the_fingerprint_follows_the_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    images = FolderImages(tmp_path)
    before = images.fingerprint("cat")
    assert images.fingerprint("cat") == before
    path.write_bytes(path.read_bytes() + b"\0")
    assert images.fingerprint("cat") != before


# --- what lies in folders


def test_a_scan_counts_what_it_leaves_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.JPEG", "in/c.png"):
        picture(tmp_path / name)
    for name in ("d.heic", "e.HEIC", "film.mp4", "README", "._a.jpg", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("__MACOSX/a.jpg", ".hidden/b.jpg", "@eaDir/c.jpg"):
        picture(tmp_path / name)
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    scan = scan_folder(tmp_path)
    assert scan.pictures == ("a.jpg", "b.JPEG", "in/c.png")
    assert scan.rest() == (
        "4 files left out (.heic 2, no ending 1, .mp4 1), 2 broken links, 6 hidden files, "
        "1 second link to a folder, 1 special file"
    )


# --- one photograph twice


def dataset(folder: Path, train: list[Any], test: list[Any]) -> Path:
    def entries(keys: list[Any]) -> list[dict[str, Any]]:
        return [{"image": key, "old_captions": [f"caption of {key}"]} for key in keys]

    file = folder / "set.json"
    value = [{"concept": "joy", "train_images": entries(train), "test_images": entries(test)}]
    file.write_text(json.dumps(value))
    (folder / "images").mkdir(exist_ok=True)
    return file


PAIRS = [
    (785, "000000000785.jpg"),
    ("p1.jpg", "p1"),
    ("p1.jpg", "P1.JPG"),
    ("in/p1.jpg", "in\\p1.jpg"),
    ("p1.jpg", " p1.jpg"),
    (f"{NFC}.jpg", f"{NFD}.jpg"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("there", [False, True])
def test_one_photograph_under_two_names_is_refused(tmp_path: Path, pair: Any, there: bool) -> None:
    file = dataset(tmp_path, [pair[0]], [pair[1]])
    if there:
        picture(tmp_path / "images" / ("785.jpg" if pair[0] == 785 else pair[0]))
    with pytest.raises(InputError, match="the picture stands twice under 'joy'"):
        load_dataset(file)


def test_equal_bytes_in_two_splits_are_a_warning(tmp_path: Path, caplog) -> None:
    file = dataset(tmp_path, ["a.jpg", "b.jpg", "none.jpg"], ["c.jpg", "d.jpg"])
    images = tmp_path / "images"
    picture(images / "a.jpg", "red")
    picture(images / "b.jpg", "blue")
    shutil.copy(images / "b.jpg", images / "d.jpg")
    data = bytearray((images / "a.jpg").read_bytes())
    data[30] ^= 1  # equal size, another file
    (images / "c.jpg").write_bytes(data)
    with caplog.at_level(logging.WARNING, "glasskit"):
        load_dataset(file)
    (line,) = caplog.messages
    assert line.startswith(
        "set: 1 pictures of one split are also in another, byte by byte, such as"
    )
    assert "b.jpg and d.jpg;" in line
    caplog.clear()
    load_dataset(dataset(tmp_path, ["b.jpg", "d.jpg"], ["c.jpg"]))
    assert not caplog.messages, "equal bytes in one split are none"
