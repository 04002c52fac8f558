"""Vectors on disk, by row, and searching them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from glasskit.analysis import index
from glasskit.analysis.index import VectorIndex, query_vector, similarities
from glasskit.analysis.write_vectors import Written, embed_source
from glasskit.data import write_magic
from glasskit.errors import InputError
from glasskit.models.vectors import unit
from tests.analysis.toys import ColourModel, colour_dataset
from tests.training.toys import save_pictures


class FileModel(ColourModel):
    """Opens paths as GlassModel does."""

    def encode_images(self, images, progress=None) -> torch.Tensor:
        opened = [Image.open(item) if isinstance(item, Path) else item for item in images]
        return super().encode_images(opened)


def items(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "items.jsonl").read_text("utf-8").splitlines()]


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "in" / "deep" / "b.PNG")
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "in" / "a.webp")
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    written = embed_source(FileModel(), tmp_path / "in", tmp_path / "out")
    assert written == (2, 0, "1 file left out (.txt 1)")
    vectors = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    assert [item["file"] for item in items(tmp_path / "out")] == ["a.webp", "deep/b.PNG"]
    assert vectors.argmax(axis=1).tolist() == [2, 0]
    assert not list((tmp_path / "out").glob(".*"))


def test_a_data_set(tmp_path: Path) -> None:
    data = colour_dataset()
    save_pictures(data, tmp_path / "images")
    write_magic(data, tmp_path / "colours.json")
    out = tmp_path / "out"
    assert embed_source(ColourModel(), tmp_path / "colours.json", out) == (12, 15, "")
    for name, count in (("vectors", 12), ("captions", 12), ("concepts", 3)):
        rows = np.load(out / f"{name}.npy")
        assert rows.shape == (count, 3)
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    (red,) = (item for item in items(out) if item["id"] == "red-0")
    assert (red["labels"], red["split"]) == (["red"], "train")
    assert red["captions"][0] == "a red <b>square</b> number 0"
    meta = json.loads((out / "meta.json").read_text())
    assert sorted(meta["concepts"]) == ["blue", "green", "red"]
    assert (meta["pictures"], meta["width"], meta["model"]) == (12, 3, "colours")
    # A folder of pictures has no texts: those of the data set are taken away.
    embed_source(ColourModel(), tmp_path / "images", out)
    assert not (out / "captions.npy").exists()
    assert len(VectorIndex(out)) == 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, twelve that are none, and things that lie in people's folders."""
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
    written = embed_source(ColourModel(), folder, tmp_path / "out", skip_broken=True)
    listed = tmp_path / "out" / "broken.txt"
    assert written.pictures == 3
    assert written.left_out == (
        "1 file left out (.mp4 1), 1 broken link, 2 hidden files, 1 second link to a folder, "
        f"12 broken listed in {listed}"
    )
    lines = listed.read_text().splitlines()
    assert len(lines) == 12
    assert str(folder / "x00.jpg") in lines[0]
    assert [item["file"] for item in items(tmp_path / "out")] == ["a.JPG", "b.tiff", "c.png"]


def test_what_cannot_be_embedded_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--skip-broken is for folders of pictures"):
        embed_source(ColourModel(), "scenes", tmp_path / "out", skip_broken=True)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "in" / "backup.tar").write_bytes(bytes(10240))
    with pytest.raises(InputError, match=r"1 pictures and \.tar shards; .*backup\.tar"):
        embed_source(ColourModel(), tmp_path / "in", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no pictures in this folder$"):
        embed_source(ColourModel(), tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- search


@pytest.fixture
def embedded(tmp_path: Path) -> Path:
    """Thirty one-coloured pictures, embedded in float32."""
    (tmp_path / "in").mkdir()
    for i in range(30):
        colour = [(8 * i, 30, 200 - 6 * i), (20, 8 * i, 40), (90, 3 * i, 8 * i)][i % 3]
        Image.new("RGB", (8, 8), colour).save(tmp_path / "in" / f"größe {i:02}.png")
    assert embed_source(FileModel(), tmp_path / "in", tmp_path / "out") == Written(30, 0)
    return tmp_path / "out"


def test_the_nearest_by_name(embedded: Path) -> None:
    found = VectorIndex(embedded)
    assert len(found) == 30
    vectors, names = np.load(embedded / "vectors.npy"), [item["file"] for item in items(embedded)]
    query = query_vector(FileModel(), "green green blue")
    scores = vectors @ query
    order = np.argsort(-scores, kind="stable")[:7]
    hits = found.nearest(query, 7)
    assert [hit.name for hit in hits] == [names[i] for i in order]
    assert [hit.score for hit in hits] == pytest.approx(scores[order], abs=1e-6)
    picture = embedded.parent / "in" / "größe 07.png"
    assert found.nearest(query_vector(FileModel(), str(picture)), 1)[0].name == picture.name
    embed_source(FileModel(), embedded.parent / "in", embedded, dtype="float16")
    half = VectorIndex(embedded)
    assert half.vectors.dtype == np.float16
    assert [hit.name for hit in half.nearest(query, 5)] == [hit.name for hit in hits[:5]]


def test_vectors_without_meta_do_not_count(embedded: Path, monkeypatch) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(index, "write_json", kill)
        with pytest.raises(KeyboardInterrupt):
            embed_source(FileModel(), embedded.parent / "in", embedded, dtype="float16")
    with pytest.raises(InputError, match=r"no vectors\.npy with meta\.json here"):
        VectorIndex(embedded)
    embed_source(FileModel(), embedded.parent / "in", embedded)
    assert len(VectorIndex(embedded)) == 30


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_similarities_are_those_of_a_plain_product(tmp_path: Path, monkeypatch, dtype: str) -> None:
    monkeypatch.setattr(index, "ROWS_AT_A_TIME", 300)
    draw = np.random.default_rng(0)
    np.save(tmp_path / "bank.npy", unit(draw.normal(size=(2000, 48))).astype(dtype))
    bank = np.load(tmp_path / "bank.npy", mmap_mode="c")
    for query in draw.normal(size=(4, 48)):
        expected = bank.astype(np.float64) @ (query / np.linalg.norm(query))
        np.testing.assert_allclose(similarities(query, bank), expected, atol=1e-6)


def test_what_is_no_index_says_what_to_do(embedded: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no vectors\.npy .* glasskit embed MODEL FOLDER --out"):
        VectorIndex(tmp_path)
    query = np.array([1.0, 0, 0])
    vectors = np.load(embedded / "vectors.npy")
    broken = vectors.copy()
    broken[4, 1] = np.nan
    np.save(embedded / "vectors.npy", broken)
    with pytest.raises(InputError, match=r"vector of größe 04\.png \(row 4\) holds NaN"):
        VectorIndex(embedded).nearest(query)
    np.save(embedded / "vectors.npy", vectors)
    lines = (embedded / "items.jsonl").read_text("utf-8").splitlines(keepends=True)
    (embedded / "items.jsonl").write_text("".join(lines[:20]), "utf-8")
    with pytest.raises(InputError, match=r"items\.jsonl: no line for row 20; embed again"):
        VectorIndex(embedded).nearest(query, 30)
    np.save(embedded / "vectors.npy", vectors[1:])
    with pytest.raises(InputError, match=r"\(29, 3\) and not \(30, 3\)"):
        VectorIndex(embedded)
    whole = (embedded / "vectors.npy").read_bytes()
    for left in (0, 5, 100, len(whole) - 1):
        (embedded / "vectors.npy").write_bytes(whole[:left])
        with pytest.raises(InputError, match="run again: glasskit embed"):
            VectorIndex(embedded)
