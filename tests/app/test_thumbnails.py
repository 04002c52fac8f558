"""Small pictures: sheets drawn beforehand, single ones when they are asked for."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from starlette.testclient import TestClient

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError
from glasskit_app import thumbnails
from glasskit_app.museum import Museum
from glasskit_app.progress import Progress
from glasskit_app.server import Entrance
from glasskit_app.thumbnails import COLUMNS, EDGE, Thumbnails
from tests.benchmarks.many import exhibit

COUNT = 40  # two rows of a sheet, the second not full


@pytest.fixture
def pictures(tmp_path: Path) -> GroupedDataset:
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = np.random.default_rng(0)
    records = []
    for i in range(COUNT):
        colours = draw.integers(256, size=(3, 4, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((640, 480)).save(folder / f"p{i}.png", compress_level=0)
        records.append(Record(f"p{i}.png", "joy", (f"picture {i}",)))
    concepts = (Concept(("joy", "mood", "feeling", "mind")),)
    return GroupedDataset("painted", concepts, tuple(records), FolderImages(folder))


@pytest.fixture
def kept(tmp_path: Path) -> Thumbnails:
    return Thumbnails(tmp_path / "kept", COUNT)


def wanted() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_a_sheet_holds_each_picture_in_its_place(
    pictures: GroupedDataset, kept: Thumbnails
) -> None:
    told: list[tuple[int, int]] = []
    kept.draw(pictures, lambda done, total: told.append((done, total)), wanted())
    assert kept.complete()
    assert told == [(32, 40), (39, 40), (40, 40)]
    sheet = np.asarray(Image.open(kept.folder / "sheet0.webp").convert("RGB"), dtype=float)
    assert sheet.shape == (2 * EDGE, COLUMNS * EDGE, 3)
    for index in (0, 31, 32, 39):
        top, left = index // COLUMNS * EDGE, index % COLUMNS * EDGE
        found = sheet[top : top + EDGE, left : left + EDGE]
        ours = ImageOps.fit(pictures.image(index), (EDGE, EDGE), Image.Resampling.LANCZOS)
        assert np.abs(found - np.asarray(ours)).mean() < 8, "lossy, but this picture"
    assert sheet[EDGE + 8 :, 8 * EDGE + 8 :].min() > 250, "nothing where there are no pictures"
    assert not list(kept.folder.glob("[0-9]*.webp")), "single ones only when they are asked for"


def test_nothing_more_is_drawn_for_nobody(pictures: GroupedDataset, kept: Thumbnails) -> None:
    event = wanted()
    kept.draw(pictures, lambda done, total: event.clear(), event)
    assert not kept.complete()


def test_a_broken_picture_is_named(
    pictures: GroupedDataset, kept: Thumbnails, tmp_path: Path
) -> None:
    (tmp_path / "pictures" / "p33.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"p33\.png"):
        kept.draw(pictures, lambda done, total: None, wanted())
    assert not kept.complete()


def test_more_pictures_than_a_map_shows_need_no_sheet(
    pictures: GroupedDataset, kept: Thumbnails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "MOST", COUNT - 1)
    kept.draw(pictures, lambda done, total: None, wanted())
    assert kept.complete()
    assert not list(kept.folder.glob("*.webp"))


def test_a_single_picture_is_drawn_once(pictures: GroupedDataset, kept: Thumbnails) -> None:
    file = kept.single(pictures, 7)
    with Image.open(file) as picture:
        assert picture.size == (480, 360)
    file.write_bytes(b"kept")
    assert kept.single(pictures, 7).read_bytes() == b"kept"
    assert [one.name for one in kept.folder.iterdir()] == ["7.webp"]


def test_a_folder_that_cannot_be_written_is_named(pictures: GroupedDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/kept: can't be written"):
        Thumbnails(tmp_path / "file" / "kept", COUNT).single(pictures, 1)


def test_the_server_draws_what_is_asked_for(
    pictures: GroupedDataset, kept: Thumbnails, tmp_path: Path
) -> None:
    entrance = Entrance(Progress())
    shown = replace(exhibit(4), dataset=pictures, thumbnails=kept)  # its vectors are not asked for
    entrance.museum = Museum([shown])
    client = TestClient(entrance)
    answer = client.get("/kit/pictures/painted/3.webp")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content[8:12] == b"WEBP"
    assert client.get("/kit/pictures/painted/40.webp").status_code == 404
    (tmp_path / "pictures" / "p4.png").write_bytes(b"no picture")
    broken = client.get("/kit/pictures/painted/4.webp")
    assert broken.status_code == 404
    assert "p4.png" in broken.json()["error"]
