"""Streams embedded by several processes: nothing twice, nothing missing, kills change nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from glasskit.analysis.write_vectors import embed_source
from glasskit.errors import InputError
from glasskit.models import stream
from tests.data.shard_toys import magic_folder, rewritten, shards_of
from tests.training.toys import toy_model
from tests.training.workers import finish, start_world

Rows = dict[str, tuple[dict, np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """toy.json with images, and four shards of its 66 pictures."""
    folder = tmp_path_factory.mktemp("place")
    shards_of(magic_folder(folder), folder / "shards")
    return folder


@pytest.fixture
def shards(place: Path, tmp_path: Path) -> Path:
    """A copy of the shards, to be damaged."""
    return shutil.copytree(place / "shards", tmp_path / "shards")


def embed(out: Path, *, source: str, kill_after: int = 0) -> None:
    """Embed in small batches; a process that is to be killed ends in the middle of a shard."""
    torch.set_num_threads(1)
    seen = 0

    def progress(done: int, total: int) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(stream.BATCH, "cpu", 4)
        embed_source(toy_model(), source, out, captions=True, progress=progress)


def rows_of(out: Path) -> Rows:
    """Every row by id: its item and its vectors."""
    vectors, captions = np.load(out / "vectors.npy"), np.load(out / "captions.npy")
    items = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    rows = {i["id"]: (i, *pair) for i, *pair in zip(items, vectors, captions, strict=True)}
    assert len(rows) == len(items), "a row comes once"
    return rows


def same(some: Rows, others: Rows) -> None:
    assert some.keys() == others.keys()
    for key, (item, *vectors) in some.items():
        assert item == others[key][0]
        np.testing.assert_allclose(vectors, others[key][1:], atol=1e-6, rtol=0)


def test_one_process_embeds_what_the_data_set_holds(shards: Path, place: Path, tmp_path) -> None:
    told: list[tuple[int, int]] = []
    for dtype in ("float32", "float16"):
        written = embed_source(
            toy_model(),
            shards,
            tmp_path / dtype,
            captions=True,
            dtype=dtype,
            progress=lambda *seen: told.append(seen),
        )
        assert written == (66, 66, "")
    assert told[-1][0] == 66
    embed_source(toy_model(), place / "toy.json", tmp_path / "folder")
    streamed, folder = (rows_of(tmp_path / name) for name in ("float32", "folder"))
    for item, *_ in folder.values():
        item["captions"] = item["captions"][:1]
    same(streamed, folder)
    for name in ("vectors.npy", "captions.npy"):
        half, full = (np.load(tmp_path / dtype / name) for dtype in ("float16", "float32"))
        np.testing.assert_array_equal(half, full.astype(np.float16))
    names = sorted(path.name for path in (tmp_path / "float32").iterdir())
    assert names == ["captions.npy", "items.jsonl", "meta.json", "vectors.npy"]


def test_two_processes_have_the_rows_of_one_and_go_on_after_kills(shards: Path, tmp_path) -> None:
    one, two, killed = tmp_path / "one", tmp_path / "two", tmp_path / "killed"
    embed(one, source=str(shards))
    finish(*start_world(2, two, embed, source=str(shards)))
    same(rows_of(one), rows_of(two))
    for process in start_world(2, killed, embed, source=str(shards), kill_after=7):
        process.join(60)  # each ends in its second shard
        assert process.exitcode == -9
    assert not (killed / "meta.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (killed / ".parts").glob("*.npz")}
    assert len(kept) == 2
    rewritten(shards / "00003.tar", lambda name, data: data)  # it is another file then
    finish(*start_world(1, killed, embed, source=str(shards)))  # one goes on with what two began
    same(rows_of(one), rows_of(killed))
    assert not (killed / ".parts").exists()


def test_what_breaks_is_named_and_what_was_done_is_kept(shards: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(shards, tmp_path / "whole")
    out = tmp_path / "out"
    rewritten(shards / "00002.tar", lambda n, d: b"broken" if n == "000000041.jpg" else d)
    with pytest.raises(InputError, match=r"00002\.tar: 000000041\.jpg: not a readable"):
        embed_source(toy_model(), shards, out)
    assert len(list((out / ".parts").glob("*.npz"))) == 2
    shutil.copy(whole / "00002.tar", shards / "00002.tar")
    rewritten(shards / "00000.tar", lambda n, d: b"{}" if n == "000000002.json" else d)
    with pytest.raises(InputError, match=r"00000\.tar: 000000002\.jpg: no caption to embed"):
        embed_source(toy_model(), shards, out, captions=True)
    model = toy_model()
    with torch.no_grad():
        model.image_head.map.weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN or infinity"):
        embed_source(model, whole, tmp_path / "nan")
    assert not (tmp_path / "nan").exists()
    assert embed_source(toy_model(), whole, out).pictures == 66
