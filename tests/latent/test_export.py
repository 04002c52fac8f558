"""Vectors on disk, by row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from glasskit.data import write_magic
from glasskit.errors import InputError
from glasskit.latent.export import embed_source
from tests.latent.toys import ColourModel, colour_dataset


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
    assert written == (2, 0)
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
    assert written == (12, 15)
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


def test_an_empty_folder_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.jpg, \.jpeg, \.png, \.webp files"):
        embed_source(ColourModel(), tmp_path, tmp_path / "out")


def test_another_number_type_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'int8': choose float32 or float16"):
        embed_source(ColourModel(), tmp_path, tmp_path / "out", dtype="int8")
    assert not (tmp_path / "out").exists()
