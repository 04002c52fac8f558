"""Shards read by several processes: nothing twice, nothing missing, and kills change nothing."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from glasskit.analysis.export import embed_source
from glasskit.analysis.parts import Part, merge
from glasskit.analysis.stream_export import embed_stream
from glasskit.data import load_dataset
from glasskit.errors import InputError
from glasskit.models.features import image_features
from glasskit.models.reading import Reading
from tests.data.shard_toys import magic_folder, rewritten, shards_of
from tests.data.shard_workers import embed, launch, train_on
from tests.training.test_resume import same_curve
from tests.training.toys import toy_model
from tests.training.workers import finish

Rows = dict[str, tuple[dict, np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """toy.json with images, and shards of it."""
    folder = tmp_path_factory.mktemp("place")
    shards_of(magic_folder(folder), folder / "shards")
    return folder


@pytest.fixture
def shards(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    return place / "shards"


def rows_of(out: Path) -> Rows:
    """Every row by key: its index entry and its vectors."""
    vectors = load_file(out / "vectors.safetensors")
    entries = json.loads((out / "index.json").read_text())["pictures"]
    assert len(entries) == len(vectors["pictures"]) == len(vectors["captions"])
    rows = {
        entry["key"]: (entry, *pair)
        for entry, *pair in zip(entries, vectors["pictures"], vectors["captions"], strict=True)
    }
    assert len(rows) == len(entries), "a row comes once"
    return rows


def same(some: Rows, others: Rows, atol: float) -> None:
    assert some.keys() == others.keys()
    for key, (entry, *vectors) in some.items():
        assert entry == others[key][0]
        np.testing.assert_allclose(vectors, others[key][1:], atol=atol, rtol=0)


def test_one_process_embeds_what_the_data_set_holds(shards: Path, place: Path, tmp_path) -> None:
    model = toy_model()
    written = embed_source(model, shards, tmp_path / "shards", captions=True, dtype="float32")
    assert written == (66, 66, "")
    embed_source(model, place / "toy.json", tmp_path / "folder", dtype="float32")
    streamed, folder = (
        load_file(tmp_path / n / "vectors.safetensors") for n in ("shards", "folder")
    )
    for name in ("pictures", "captions"):
        assert streamed[name].dtype == np.float32
        np.testing.assert_allclose(streamed[name], folder[name], atol=1e-6, rtol=0)
    index = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert index["pictures"] == json.loads((tmp_path / "folder/index.json").read_text())["pictures"]
    assert index["tower_hash"] == model.tower_hash
    assert sorted(p.name for p in (tmp_path / "shards").iterdir()) == [
        "index.json",
        "vectors.safetensors",
    ]


def test_half_precision_rounds_the_same_vectors(shards: Path, tmp_path: Path) -> None:
    files = {}
    for dtype in ("float32", "float16"):
        embed_source(toy_model(), shards, tmp_path / dtype, captions=True, dtype=dtype)
        files[dtype] = load_file(tmp_path / dtype / "vectors.safetensors")
    for name, rows in files["float32"].items():
        np.testing.assert_array_equal(files["float16"][name], rows.astype(np.float16))
    with pytest.raises(InputError, match="'float64': choose float32 or float16"):
        embed_stream(toy_model(), shards, tmp_path / "other", dtype="float64")
    assert not (tmp_path / "other").exists()


def test_two_processes_have_the_rows_of_one_and_go_on_after_kills(shards: Path, tmp_path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    embed(str(shards), one)
    finish(*launch(2, embed, str(shards), two))
    same(rows_of(one), rows_of(two), 1e-6)
    killed = tmp_path / "killed"
    for process in launch(2, embed, str(shards), killed, 3):  # in the middle of a shard
        process.join(60)
        assert process.exitcode == -9
    assert not (killed / "vectors.safetensors").exists()
    before = sum(path.stat().st_size for path in (killed / ".parts").glob("*.f32"))
    assert before > 0
    finish(*launch(1, embed, str(shards), killed))  # one process goes on with what two began
    same(rows_of(one), rows_of(killed), 1e-6)


@pytest.mark.parametrize("mode", ["full", "head"])
def test_two_processes_train_on_shards_as_one_does_on_the_folder(
    shards: Path, place: Path, tmp_path: Path, mode: str
) -> None:
    settings = {"epochs": 2, "groups_per_batch": 4, "mode": mode}
    train_on(str(place / "toy.json"), tmp_path / "folder", settings)
    pattern = f"{shards}/{{00000..00003}}.tar"
    finish(*launch(2, train_on, pattern, tmp_path / "shards", settings))
    same_curve(tmp_path / "folder", tmp_path / "shards")


def test_each_process_embeds_its_share_of_what_is_trained_on(shards, monkeypatch) -> None:
    data, model = load_dataset(shards), toy_model()
    kept = data.where(lambda record: record.split != "test")
    counts, tower = [], type(model).tower

    def counting(self: object, pixels: torch.Tensor) -> torch.Tensor:
        counts.append(len(pixels))
        return tower(self, pixels)

    monkeypatch.setattr(type(model), "tower", counting)
    for rank, expected in ((0, 22), (1, 22), (2, 22)):
        image_features(model, kept.select(range(rank, len(kept), 3)))
        assert sum(counts) == expected, f"{len(kept)} pictures, a third each"
        counts.clear()
    image_features(model, kept)
    assert counts == [], "all is in the cache"


def test_a_broken_picture_is_named_and_what_was_done_is_kept(shards: Path, tmp_path) -> None:
    own = shutil.copytree(shards, tmp_path / "own")
    rewritten(own / "00002.tar", lambda n, d: b"broken" if n == "000000041.jpg" else d)
    with pytest.raises(InputError, match=r"00002\.tar: 000000041\.jpg: not a readable"):
        embed_source(toy_model(), own, tmp_path / "out")
    parts = sorted((tmp_path / "out" / ".parts").glob("*.jsonl"))
    assert [json.loads(path.read_text().splitlines()[-1]) for path in parts[:2]] == [
        {"end": True}
    ] * 2
    shutil.copy(shards / "00002.tar", own / "00002.tar")
    assert embed_source(toy_model(), own, tmp_path / "out").pictures == 66


def test_parts_of_another_model_are_refused(shards: Path, tmp_path: Path) -> None:
    model = toy_model()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_stream(model, shards, tmp_path, progress=interrupt)
    with torch.no_grad():
        model.text_head.map.weight += 1
    with pytest.raises(InputError, match="parts of an interrupted call with another model"):
        embed_stream(model, shards, tmp_path)


def test_a_caption_that_is_asked_for_must_be_there(shards: Path, tmp_path: Path) -> None:
    own = shutil.copytree(shards, tmp_path / "own")
    rewritten(own / "00000.tar", lambda n, d: b"{}" if n == "000000002.json" else d)
    with pytest.raises(InputError, match=r"00000\.tar: 000000002\.jpg: no caption to embed"):
        embed_stream(toy_model(), own, tmp_path / "out", captions=True)


def test_a_tar_without_pictures_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.tar: there is no picture in it"):
        embed_stream(toy_model(), tmp_path / "empty.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_come_twice_and_captions_read_in_part_are_told(
    shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = toy_model()
    model.reading = lambda texts: Reading("toy", len(texts), 4, 1)
    own = tmp_path / "own"
    own.mkdir()
    for name in ("a.tar", "b.tar"):
        shutil.copy(shards / "00000.tar", own / name)
    embed_stream(model, own, tmp_path / "out", captions=True)
    pictures = json.loads((tmp_path / "out" / "index.json").read_text())["pictures"]
    keys = [line["key"] for line in pictures]
    half = len(keys) // 2
    assert [record.getMessage() for record in caplog.records] == [
        f"{half} pictures have the name of another one, first {keys[0]!r}",
        f"1 of {2 * half} captions is longer than the 4 word pieces that toy reads; the rest is "
        "not read",
    ]


# --- parts


def test_a_part_keeps_whole_rows_whatever_a_kill_left(tmp_path: Path) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    part = Part(tmp_path, "a", 2, "source")
    part.append(rows[:2], [{"key": "0"}, {"key": "1"}])
    part.append(rows[2:4], [{"key": "2"}, {"key": "ä"}])
    whole = {file: file.read_bytes() for file in (part.rows, part.lines)}
    for cut_rows, cut_lines, left in ((0, 3, 3), (9, 0, 2), (0, 0, 4), (30, 0, 0), (0, 60, 0)):
        part.rows.write_bytes(whole[part.rows][: len(whole[part.rows]) - cut_rows])
        part.lines.write_bytes(whole[part.lines][: len(whole[part.lines]) - cut_lines])
        again = Part(tmp_path, "a", 2, "source")
        assert (again.done, again.finished) == (left, False)
        again.append(rows[again.done :], [{"key": str(i)} for i in range(again.done, 6)])
        again.finish()
        done = Part(tmp_path, "a", 2, "source")
        assert (done.done, done.finished) == (6, True)
        assert len(list(done.entries())) == 6
        assert merge([done], ["pictures"], tmp_path / "out.safetensors") == 6
        np.testing.assert_array_equal(load_file(tmp_path / "out.safetensors")["pictures"], rows)
    assert Part(tmp_path, "a", 2, "another source").done == 0


def test_a_part_goes_back_to_where_its_source_can_go_on(tmp_path: Path) -> None:
    part = Part(tmp_path, "a", 1, "source", marked=True)
    part.append(np.ones((3, 1)), [{"key": "0"}, {"key": "1", "state": {"at": 2}}, {"key": "2"}])
    again = Part(tmp_path, "a", 1, "source", marked=True)
    assert (again.done, again.state) == (2, {"at": 2})
    assert list(again.entries()) == [{"key": "0"}, {"key": "1"}]
