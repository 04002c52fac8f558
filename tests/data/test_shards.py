"""Shards: packed and read again they are the same data set, and what is damaged is named."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data import pack as module
from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import pack
from glasskit.data.shards import Row, is_shards, shard_names, shard_samples
from glasskit.data.streams import stream_parts
from glasskit.errors import InputError
from tests.data.shard_toys import magic_folder, rewritten, shards_of, tar_of, train_on
from tests.training.test_resume import same_curve
from tests.training.workers import finish, start_world


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> GroupedDataset:
    return magic_folder(tmp_path_factory.mktemp("magic"))


@pytest.fixture(scope="module")
def packed(data: GroupedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shards_of(data, tmp_path_factory.mktemp("shards"))


@pytest.fixture
def shards(packed: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return shutil.copytree(packed, tmp_path / "shards")


def rows_of(source: Path) -> list[Row]:
    return [row for part in stream_parts(source) for row in part.rows()]


def refused(source: Path, says: str) -> None:
    """Read in order and read by groups, a source is refused with the same line."""
    for read in (rows_of, load_dataset):
        with pytest.raises(InputError, match=says):
            read(source)


# --- a data set comes back whole


def test_shards_are_the_data_set_that_was_packed(data: GroupedDataset, packed: Path) -> None:
    again = load_dataset(f"{packed}/{{00000..00003}}.tar")
    assert again.records == data.records
    assert again.concepts == data.concepts
    for index in range(len(data)):
        assert again.images.read(data.key(index)) == data.images.read(data.key(index))
        np.testing.assert_array_equal(again.image(index), data.image(index))
    assert len({again.fingerprint(index) for index in range(len(again))}) == len(data)


def test_the_webdataset_builder_of_datasets_reads_what_we_pack(
    data: GroupedDataset, tmp_path: Path
) -> None:
    from datasets import load_dataset as load

    part = data.select(i for i in range(len(data)) if i % 5)  # it wants one kind of pictures
    files = shard_names(shards_of(part, tmp_path))
    stream = load("webdataset", data_files=files, split="train", streaming=True)
    rows = list(stream.decode(False))
    assert [row["json"]["image"] for row in rows] == [r.key for r in part.records]
    assert [sum(row["__url__"] == name for row in rows) for name in files] == [20, 20, 12]


def test_drawn_pictures_are_packed_without_loss(tmp_path: Path) -> None:
    scenes = load_dataset("scenes").select(range(0, 60, 20))
    again = load_dataset(shards_of(scenes, tmp_path / "shards"))
    assert again.records == scenes.records
    for index in range(3):
        np.testing.assert_array_equal(again.image(index), scenes.image(index))


@pytest.mark.parametrize("mode", ["full", "head"])
def test_two_processes_train_on_shards_as_one_does_on_the_folder(
    data: GroupedDataset, packed: Path, tmp_path: Path, mode: str
) -> None:
    settings = {"epochs": 2, "groups_per_batch": 4, "mode": mode, "cache": tmp_path / "cache"}
    file = str(data.images.folder.parent / "toy.json")
    finish(*start_world(1, tmp_path / "folder", train_on, source=file, **settings))
    pattern = f"{packed}/{{00000..00003}}.tar"
    finish(*start_world(2, tmp_path / "shards", train_on, source=pattern, **settings))
    same_curve(tmp_path / "folder", tmp_path / "shards")


# --- which files are meant


def test_names_come_from_patterns_and_folders(shards: Path) -> None:
    every = [str(shards / f"{i:05d}.tar") for i in range(4)]
    assert shard_names(shards) == every
    assert shard_names(f"{shards}/{{00000..00003}}.tar") == every
    assert shard_names(f"{shards}/{{00001,00000}}.tar") == [every[1], every[0]]
    assert shard_names(f"{every[2]}, {shards}/{{00000..00001}}.tar") == [every[2], *every[:2]]
    assert is_shards(shards)
    assert not is_shards(shards.parent)
    assert not is_shards("scenes")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{folder}/00009.tar", "00009.tar: there is no such shard"),
        ("{folder}/00000.tar,{folder}/00000.tar", "00000.tar: the shard is named twice"),
        ("{folder}/{{00000..00001.tar", "braces do not match"),
        ("{folder}/pack.json,{folder}/00000.tar", "pack.json: no .tar file"),
        ("{folder}/a.tar.gz", "a.tar.gz: no .tar file; shards are tar files that are not comp"),
        ("https://example.org/00000.tar", "there is no such shard on this machine"),
    ],
)
def test_a_shard_that_cannot_be_read_is_named(packed: Path, source: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_dataset(source.format(folder=packed))


# --- damage


def test_a_tar_that_is_cut_off_or_damaged_is_named(shards: Path) -> None:
    tar = shards / "00001.tar"
    whole = tar.read_bytes()
    samples = list(shard_samples(str(tar)))
    between = samples[3].offset - 512  # a cut between two members looks like an end
    notes = samples[2].offset + -(-samples[2].size // 512) * 512
    damaged = [whole[:length] for length in (len(whole) // 2, between, 0)]
    damaged += [whole[:at] + bytes(range(200)) + whole[at + 200 :] for at in (between, notes)]
    for broken in damaged:
        tar.write_bytes(broken)
        refused(shards, r"00001\.tar: damaged, cut off or compressed")


def test_a_compressed_tar_is_named(tmp_path: Path) -> None:
    refused(tar_of(tmp_path / "a.tar", {"0.jpg": b"x"}, "w:gz"), r"a\.tar: damaged.* or compressed")


BAD = json.dumps({"image": "a\ud83d", "concept": "x"}).encode()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("000000022.jpg", None, r"000000022: no picture \(\.jpg"),
        ("000000022.json", b"{", r"000000022\.json: not readable JSON"),
        ("000000022.json", b"[]", r"000000022\.json: must be a JSON object, not list"),
        ("000000022.json", BAD, r"000000022: 'image' holds half a character"),
    ],
)
def test_a_sample_that_is_not_whole_is_named(
    shards: Path, name: str, content: bytes | None, says: str
) -> None:
    rewritten(shards / "00001.tar", lambda n, d: content if n == name else d)
    refused(shards, rf"00001\.tar: {says}")


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


def test_a_tar_as_other_tools_write_it(tmp_path: Path) -> None:
    """Capitals, what a Mac adds, names that lead elsewhere, files of a sample apart."""
    jpg, note = _picture(), b'{"caption": "a dog", "similarity": NaN}'
    tar = tar_of(
        tmp_path / "A.TAR",
        {
            "._0.jpg": b"\0\5\26\7",
            "0.JPG": jpg,
            "0.JSON": note,
            "__MACOSX/._0.jpg": b"\0\5\26\7",
            "/etc/1.jpg": jpg,
            "../2.jpg": jpg,
            "3.jpg": jpg,
            "../2.txt": "caf\u00e9".encode("utf-8-sig"),
        },
    )
    assert is_shards(tmp_path)
    rows = rows_of(tar)
    assert [row.caption for row in rows] == ["a dog", None, "caf\u00e9", None]
    assert [row.image().size for row in rows] == [(8, 8)] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.TAR"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["0.jpg", "1.jpg", "0.jpg"], r"0\.jpg: the member comes twice"),
        (["0.jpg", "0.png"], r"0: more than one picture"),
        (["0.jpg", "0.latin.txt", "0.txt"], r"0\.txt: not readable text \(line 1 is not utf-8"),
    ],
)
def test_samples_that_would_be_read_wrongly_are_named(
    tmp_path: Path, members: list[str], says: str
) -> None:
    tar = tmp_path / "a.tar"
    for number, name in enumerate(members):
        data = b"a caf\xe9" if name.endswith("txt") else _picture()
        tar_of(tar, {name: data}, "a" if number else "w")
    with pytest.raises(InputError, match=rf"a\.tar: {says}"):
        rows_of(tar)


@pytest.mark.parametrize(
    ("notes", "says"),
    [
        ({"caption": "a dog"}, "no 'concept'; groups are made of records in the MAGIC layout"),
        ({"concept": "x", "old_captions": ["a"], "split": "dev"}, "split 'dev'"),
        ({"concept": "x", "old_captions": ["a"], "alos": []}, "key 'alos', did you mean 'also'"),
    ],
)
def test_shards_without_groups_cannot_be_trained_on(shards: Path, notes, says: str) -> None:
    bad = json.dumps(notes).encode()
    rewritten(shards / "00001.tar", lambda n, d: bad if n == "000000020.json" else d)
    with pytest.raises(InputError, match=rf"00001\.tar: 000000020\.json.*{says}"):
        load_dataset(shards)


def test_pictures_that_are_broken_or_gone_are_named(shards: Path) -> None:
    rewritten(shards / "00000.tar", lambda n, d: b"no picture" if n == "000000001.jpg" else d)
    data = load_dataset(shards)
    with pytest.raises(InputError, match=r"00000\.tar: 000000001\.jpg: not a readable picture"):
        data.image(1)
    (shards / "00000.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"00000\.tar: it is shorter than when it was opened"):
        data.image(2)
    with pytest.raises(InputError, match="leave --images out"):
        load_dataset(shards, images=shards)


# --- packing


def test_an_interrupted_pack_goes_on_and_gives_the_same_bytes(
    data: GroupedDataset, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = module._dataset_rows

    def cut(dataset: GroupedDataset, start: int) -> Iterator[Row]:
        for number, row in enumerate(every(dataset, start), start):
            if number == 45:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(module, "_dataset_rows", cut)
    with pytest.raises(KeyboardInterrupt):
        pack(data, tmp_path, 20)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["00000.tar", "00001.tar"]
    assert pack(data, tmp_path, 20) == (4, 66)
    plan = json.loads((tmp_path / "pack.json").read_text())
    del plan["pictures"]  # as a kill before the last file leaves it
    (tmp_path / "pack.json").write_text(json.dumps(plan))
    assert pack(data, tmp_path, 20) == (4, 66)
    for tar in packed.glob("*.tar"):
        assert tar.read_bytes() == (tmp_path / tar.name).read_bytes()
    monkeypatch.setattr(module, "_write_shard", None)
    assert pack(data, tmp_path, 20) == (4, 66), "nothing is left to do"


def test_a_folder_of_other_shards_is_refused(data: GroupedDataset, shards: Path) -> None:
    for size in (21, 20):
        with pytest.raises(InputError, match="another data set or size, or other tar files"):
            pack(data, shards, size)
        (shards / "pack.json").unlink(missing_ok=True)
