"""Small pictures: drawn when they are first asked for."""

from __future__ import annotations

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
from glasskit_app.server import create_app
from glasskit_app.state import AppState
from glasskit_app.thumbnails import SMALL, Thumbnails
from tests.benchmarks.many import made_up

COUNT = 6


def painted(folder: Path, count: int) -> GroupedDataset:
    """Files of 640 x 480 pixels in coarse colours."""
    draw = np.random.default_rng(0)
    records = []
    for i in range(count):
        colours = draw.integers(256, size=(3, 4, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((640, 480)).save(folder / f"p{i}.png", compress_level=0)
        records.append(Record(f"p{i}.png", "joy", (f"picture {i}",)))
    concepts = (Concept(("joy", "mood", "feeling", "mind")),)
    return GroupedDataset("painted", concepts, tuple(records), FolderImages(folder))


@pytest.fixture
def pictures(tmp_path: Path) -> GroupedDataset:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return painted(folder, COUNT)


@pytest.fixture
def kept(tmp_path: Path) -> Thumbnails:
    return Thumbnails(tmp_path / "kept")


def test_a_small_one_is_cut_square(pictures: GroupedDataset, kept: Thumbnails) -> None:
    found = Image.open(kept.draw(pictures, 3, small=True)).convert("RGB")
    ours = ImageOps.fit(pictures.image(3), (SMALL, SMALL), Image.Resampling.LANCZOS)
    assert found.size == (SMALL, SMALL)
    off = np.abs(np.asarray(found, dtype=float) - np.asarray(ours)).mean()
    assert off < 8, "lossy, but this picture"


def test_a_picture_is_drawn_once(pictures: GroupedDataset, kept: Thumbnails) -> None:
    file = kept.draw(pictures, 3)
    with Image.open(file) as picture:
        assert picture.size == (480, 360)
    file.write_bytes(b"kept")
    assert kept.draw(pictures, 3).read_bytes() == b"kept"
    assert [one.name for one in kept.folder.iterdir()] == ["3.webp"]


def test_a_folder_that_cannot_be_written_is_named(pictures: GroupedDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/kept: can't be written"):
        Thumbnails(tmp_path / "file" / "kept").draw(pictures, 1)


def test_the_server_draws_what_is_asked_for(
    pictures: GroupedDataset, kept: Thumbnails, tmp_path: Path
) -> None:
    shown = replace(
        made_up(COUNT), dataset=pictures, thumbnails=kept
    )  # its vectors are not asked for
    client = TestClient(create_app(AppState([shown]), "127.0.0.1", 7860))
    for _ in range(2):  # drawn, and then kept
        answer = client.get("/kit/pictures/painted/3.webp")
        assert answer.headers["content-type"] == "image/webp"
        assert answer.content[8:12] == b"WEBP"
    assert client.get(f"/kit/pictures/painted/{COUNT}.webp").status_code == 404
    (tmp_path / "pictures" / "p4.png").write_bytes(b"no picture")
    broken = client.get("/kit/pictures/painted/4.webp?small=1")
    assert broken.status_code == 404
    assert "p4.png" in broken.json()["error"]
