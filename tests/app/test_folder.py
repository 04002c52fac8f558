"""A folder of pictures that nobody labelled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.data.folder import load_folder
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.io.pictures import ask_each
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import unit
from glasskit.plots.map_data import Projection
from glasskit_app.cache import look_at
from glasskit_app.examples import teaching
from glasskit_app.map_tab import MapApi
from glasskit_app.probe_tab import answer_page
from tests.app.toys import shown, state_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sea").mkdir()
    for name in ("b.png", "a.jpg", "sea/c.webp"):
        Image.new("RGB", (40, 30), "teal").save(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_pictures_without_labels(folder: Path) -> None:
    data = load_folder(folder)
    assert [record.key for record in data.records] == ["a.jpg", "b.png", "sea/c.webp"]
    assert [record.captions[0] for record in data.records] == ["a", "b", "c"]
    assert (data.labelled, data.groups(), len(data.labels(1))) == (False, {}, 132)
    assert data.targets(1).tolist() == data.targets(4).tolist() == [-1, -1, -1]
    with pytest.raises(InputError, match="train split"):
        data.split("train")


def test_broken_pictures_are_named_and_left_out(folder: Path, caplog) -> None:
    (folder / "empty").mkdir()
    for name in ("0.jpg", "sea/z.png"):
        (folder / name).write_bytes(b"<html>")
    data = load_folder(folder)
    assert [record.key for record in data.records] == ["a.jpg", "b.png", "sea/c.webp"]
    (line,) = caplog.messages
    assert "0.jpg: not a readable picture (it is an HTML page)" in line
    assert line.endswith(" (2 of 5 left out)")
    for record in data.records:
        (folder / record.key).unlink()
    with pytest.raises(InputError, match=r"no picture can be read: 2 of 2 .*0\.jpg"):
        load_folder(folder)
    with pytest.raises(InputError, match="no picture"):
        load_folder(folder / "empty")


def test_damage_that_only_decoding_finds_is_left_out_too(
    folder: Path, caplog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed(model: str, data: GroupedDataset, progress: object) -> list[Image.Image]:
        return ask_each(range(len(data)), data.image)

    monkeypatch.setattr("glasskit_app.cache.embed", embed)
    Image.effect_noise((90, 90), 99).save(folder / "b.png")
    content = bytearray((folder / "b.png").read_bytes())
    content[len(content) // 2] ^= 255
    (folder / "b.png").write_bytes(content)
    data = load_folder(folder)
    assert (len(data), caplog.messages) == (3, []), "its begin and end are sound"
    kept, seen = look_at(data, {"one": "model", "other": "model"})
    assert [record.key for record in kept.records] == ["a.jpg", "sea/c.webp"]
    assert len(seen["one"]) == len(seen["other"]) == 2
    assert "b.png: not a readable picture" in caplog.text
    labelled = replace(data, records=tuple(replace(r, labels=("hope",)) for r in data.records))
    with pytest.raises(InputError, match=r"b\.png"):
        look_at(labelled, {"one": "model"})


def test_map_and_probe_of_a_folder_claim_nothing_about_labels(folder: Path) -> None:
    data, draw = load_folder(folder), np.random.default_rng(0)
    seen = Embedding(*(unit(draw.normal(size=(n, 140))) for n in (3, 3, 132)))
    side = Projection.of(data, seen, seen.picture[:, :2])
    assert side.recognised.rank.tolist() == [0, 0, 0]
    maps = shown(data, [side, side], folder / "kept")
    assert maps.map["labels"] == side.recognised.top[:, None].tolist()
    assert list(maps.map["colourings"]) == ["level4", "level3", "level2", "level1"]
    assert "recognised" not in str(maps.map["views"]) + maps.map["story"]
    assert [example.row for example in teaching(maps)] == [0, 1, 2]
    api = MapApi(state_of(maps))
    assert "sea/c.webp" in api.pin(data.name, 2)["html"]
    assert "filed under" not in answer_page(state_of(maps), None, data.name)
