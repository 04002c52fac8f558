"""Vectors on disk, by row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from glasskit.analysis.export import embed_source
from glasskit.data import write_magic
from glasskit.errors import InputError
from tests.analysis.toys import ColourModel, colour_dataset


class FileModel(ColourModel):
    """Opens paths as GlassModel does."""

    def encode_images(self, images, progress=None) -> torch.Tensor:
        opened = [Image.open(item) if isinstance(item, Path) else item for item in images]
        return super().encode_images(opened)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "in" / "deep" / "b.PNG")
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "in" / "a.webp")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    written = embed_source(FileModel(), tmp_path / "in", tmp_path / "out")
    assert written == (2, 0, "1 file left out (.txt 1)")
    vectors = load_file(tmp_path / "out" / "vectors.safetensors")["pictures"]
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [row["file"] for row in index["pictures"]] == ["a.webp", "deep/b.PNG"]
    assert vectors[0].argmax() == 2
    assert vectors[1].argmax() == 0
    assert not list((tmp_path / "out").glob(".*"))


def test_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    data = colour_dataset()
    (tmp_path / "images").mkdir()
    for i, record in enumerate(data.records):
        data.image(i).save(tmp_path / "images" / f"{record.key}.png")
    write_magic(data, tmp_path / "colours.json")
    written = embed_source(
        ColourModel(), tmp_path / "colours.json", tmp_path / "out", dtype="float32"
    )
    assert written == (12, 15, "")
    vectors = load_file(tmp_path / "out" / "vectors.safetensors")
    assert {name: rows.shape for name, rows in vectors.items()} == {
        "pictures": (12, 3),
        "captions": (12, 3),
        "concepts": (3, 3),
    }
    for rows in vectors.values():
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert {row["key"]: row["concept"] for row in index["pictures"]}["red-0"] == "red"
    assert sorted(index["concepts"]) == ["blue", "green", "red"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pictures in this folder$"):
        embed_source(ColourModel(), tmp_path, tmp_path / "out")
    (tmp_path / "a.heic").write_text("x")
    with pytest.raises(InputError, match=r"no pictures .*; 1 file left out \(\.heic 1\)"):
        embed_source(ColourModel(), tmp_path, tmp_path / "out")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures, twelve that are none, and things that lie in people's folders."""
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "in"
    (folder / "__MACOSX").mkdir(parents=True)
    for name, colour in {"a.JPG": "red", "b.tiff": "blue", "c.png": "green"}.items():
        form = {"a.JPG": "JPEG", "b.tiff": "TIFF", "c.png": "PNG"}[name]
        Image.new("RGB", (9, 9), colour).save(folder / name, form)
    for number in range(12):
        (folder / f"x{number:02d}.jpg").write_bytes(b"<html>404" if number else b"")
    (folder / "._a.JPG").write_bytes(b"\0\5\x16\7")
    (folder / "__MACOSX" / "a.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "film.mp4").write_bytes(b"x")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop").symlink_to(folder)
    return folder


def test_all_broken_pictures_are_told_before_any_work(folder: Path, tmp_path: Path) -> None:
    model = ColourModel()
    with pytest.raises(InputError) as caught:
        embed_source(model, folder, tmp_path / "out")
    line = str(caught.value)
    assert "12 of 15 pictures cannot be used: " in line
    assert "x00.jpg: not a readable picture (it is empty); " in line
    assert "x09.jpg: not a readable picture (it is an HTML page); and 2 more" in line
    assert "--skip-broken" in line
    assert "\n" not in line
    assert model.pictures_seen == 0
    assert not (tmp_path / "out").exists()


def test_broken_pictures_are_left_out_and_listed_where_that_is_asked(
    folder: Path, tmp_path: Path
) -> None:
    # One that only decoding shows to be broken.
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "d.png")
    data = bytearray((folder / "d.png").read_bytes())
    data[5000:9000] = bytes(4000)
    (folder / "d.png").write_bytes(data)
    written = embed_source(ColourModel(), folder, tmp_path / "out", skip_broken=True)
    listed = tmp_path / "out" / "broken.txt"
    assert written.pictures == 3
    assert written.left_out == (
        "1 file left out (.mp4 1), 1 broken link, 2 hidden files, 1 second link to a folder, "
        f"13 broken listed in {listed}"
    )
    lines = listed.read_text().splitlines()
    assert len(lines) == 13
    assert str(folder / "x00.jpg") in lines[0]
    assert str(folder / "d.png") in lines[-1]
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [row["file"] for row in index["pictures"]] == ["a.JPG", "b.tiff", "c.png"]
    for bad in [*folder.glob("x*.jpg"), folder / "d.png"]:
        bad.unlink()
    embed_source(ColourModel(), folder, tmp_path / "out", skip_broken=True)
    assert not listed.exists()


def test_skipping_is_for_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--skip-broken is for folders of pictures"):
        embed_source(ColourModel(), "scenes", tmp_path / "out", skip_broken=True)


def test_pictures_beside_shards_are_a_question(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "in" / "backup.tar").write_bytes(bytes(10240))
    with pytest.raises(InputError, match=r"1 pictures and \.tar shards; .*backup\.tar"):
        embed_source(ColourModel(), tmp_path / "in", tmp_path / "out")


def test_a_name_that_is_no_utf8_is_written_with_its_bytes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    path = os.path.join(os.fsencode(tmp_path / "in"), b"caf\xe9.png")  # noqa: PTH118
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            Image.new("RGB", (9, 9), "red").save(file, "PNG")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert embed_source(ColourModel(), tmp_path / "in", tmp_path / "out").pictures == 1
    index = json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))
    assert index["pictures"] == [{"file": "caf%E9.png"}]


def test_another_number_type_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'int8': choose float32 or float16"):
        embed_source(ColourModel(), tmp_path, tmp_path / "out", dtype="int8")
    assert not (tmp_path / "out").exists()
