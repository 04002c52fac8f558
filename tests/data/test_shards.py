"""Shards: packed and read again they are the same data set, and what is damaged is named."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image
from safetensors.numpy import load_file
from typer.testing import CliRunner

from glasskit.cli import app
from glasskit.data import load_dataset, pack, write_magic
from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import DatasetSource
from glasskit.data.pack import pack as pack_shards
from glasskit.data.shard_index import Place, index_shard, index_shards
from glasskit.data.shards import is_shards, shard_names, shard_samples
from glasskit.errors import InputError
from tests.data.shard_toys import magic_folder, rewritten, shards_of


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> GroupedDataset:
    return magic_folder(tmp_path_factory.mktemp("magic"))


@pytest.fixture(scope="module")
def packed(data: GroupedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shards_of(data, tmp_path_factory.mktemp("shards"))


@pytest.fixture
def shards(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to damage, and a cache of its own."""
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(packed, tmp_path / "shards")


# --- a data set comes back whole


def test_shards_are_the_data_set_that_was_packed(data: GroupedDataset, shards: Path) -> None:
    again = load_dataset(f"{shards}/{{00000..00003}}.tar")
    assert again.records == data.records
    assert again.concepts == data.concepts
    for index in range(len(data)):
        assert again.images.read(data.key(index)) == data.images.read(data.key(index))
        np.testing.assert_array_equal(again.image(index), data.image(index))
    assert len({again.fingerprint(index) for index in range(len(again))}) == len(data)


def test_the_webdataset_package_reads_what_we_pack(data: GroupedDataset, shards: Path) -> None:
    names = shard_names(shards)
    samples = list(webdataset.WebDataset(names, shardshuffle=False))
    assert [json.loads(s["json"])["image"] for s in samples] == [r.key for r in data.records]
    sizes = [sum(s["__url__"] == name for s in samples) for name in names]
    assert sizes == [20, 20, 20, 6]


def test_in_order_and_by_place_the_same_bytes_are_read(shards: Path) -> None:
    data = load_dataset(shards)
    streamed = [sample for name in shard_names(shards) for sample in shard_samples(name)]
    assert [s.key for s in streamed] == [r.key for r in data.records]
    assert [s.caption for s in streamed] == [r.captions[0] for r in data.records]
    assert all(data.images.read(s.key) == (s.data, s.ending) for s in streamed)


def test_drawn_pictures_are_packed_without_loss(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    scenes = load_dataset("scenes").select(range(0, 60, 20))
    again = load_dataset(shards_of(scenes, tmp_path / "shards"))
    assert again.records == scenes.records
    for index in range(3):
        np.testing.assert_array_equal(again.image(index), scenes.image(index))


def test_an_index_is_made_once_and_again_when_the_shard_changes(shards: Path) -> None:
    name = str(shards / "00003.tar")
    first = index_shard(name)
    assert len(first) == 6
    (kept,) = (shards.parent / "cache" / "shards").iterdir()
    kept.write_text("[[1, 2")  # a cut-off index is made again
    assert index_shard(name) == first
    rewritten(Path(name), lambda member, data: data if "000065" not in member else None)
    assert index_shard(name) == first[:5]


def test_one_index_at_a_time_is_in_memory(shards: Path, monkeypatch) -> None:
    names = shard_names(shards)
    first = dict(index_shards(names))
    assert list(first) == names
    asked: list[str] = []

    def counted(shard: str) -> list[Place]:
        asked.append(shard)
        return index_shard(shard)

    monkeypatch.setattr("glasskit.data.shard_index.index_shard", counted)
    for number, (shard, found) in enumerate(index_shards(names), start=1):
        assert asked == names[:number]
        assert found == first[shard]


# --- which files are meant


def test_names_come_from_patterns_folders_and_lists(shards: Path) -> None:
    every = [str(shards / f"{i:05d}.tar") for i in range(4)]
    assert shard_names(shards) == every
    assert shard_names(f"{shards}/{{00000..00003}}.tar") == every
    assert shard_names(f"{shards}/{{00001,00000}}.tar") == [every[1], every[0]]
    assert shard_names(f"{every[2]}, {shards}/{{00000..00001}}.tar") == [every[2], *every[:2]]
    assert shard_names(every[:2]) == every[:2]
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
    ],
)
def test_a_shard_that_is_not_there_is_named(shards: Path, source: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_dataset(source.format(folder=shards))


# --- damage


def test_a_tar_that_is_cut_off_is_named(shards: Path) -> None:
    tar = shards / "00001.tar"
    whole = tar.read_bytes()
    between = index_shard(str(tar))[3].offset - 512  # a cut between two members looks like an end
    for length in (len(whole) // 2, between, 0):
        tar.write_bytes(whole[:length])
        for read in (lambda: list(shard_samples(str(tar))), lambda: load_dataset(shards)):
            with pytest.raises(InputError, match=r"00001\.tar: damaged or cut off"):
                read()


def test_a_tar_with_a_damaged_header_is_named(shards: Path) -> None:
    """Between two samples too, where what comes before it would look whole."""
    tar = shards / "00001.tar"
    whole = tar.read_bytes()
    place = index_shard(str(tar))[3].offset - 512
    last = index_shard(str(tar))[2]
    json_after = last.offset + -(-last.size // 512) * 512
    for header in (place, json_after):
        tar.write_bytes(whole[:header] + bytes(range(200)) + whole[header + 200 :])
        for read in (lambda: list(shard_samples(str(tar))), lambda: load_dataset(shards)):
            with pytest.raises(InputError, match=r"00001\.tar: damaged or cut off"):
                read()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n, d: None if n == "000000022.jpg" else d, r"000000022: no picture"),
        (lambda n, d: b"{" if n == "000000022.json" else d, r"000000022\.json: not readable JSON"),
        (lambda n, d: b"[]" if n == "000000022.json" else d, "must be a JSON object, not list"),
        (lambda n, d: b"\xff" if n == "000000022.json" else d, "not readable JSON"),
    ],
    ids=["no picture", "no json", "a list", "no text"],
)
def test_a_sample_that_is_not_whole_is_named(shards: Path, change, says: str) -> None:
    tar = shards / "00001.tar"
    rewritten(tar, change)
    for read in (lambda: list(shard_samples(str(tar))), lambda: load_dataset(shards)):
        with pytest.raises(InputError, match=rf"00001\.tar: .*{says}|00001\.tar: {says}|{says}"):
            read()


def _tar(file: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(file, mode) as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return file


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


def test_a_tar_as_other_tools_write_it(tmp_path: Path) -> None:
    """Names in capitals, what a Mac adds, names that lead elsewhere: they name, nothing more."""
    jpg, note = _picture(), b'{"caption": "a dog", "similarity": NaN}'
    tar = _tar(
        tmp_path / "A.TAR",
        {
            "._0.jpg": b"\0\5\26\7",
            "0.JPG": jpg,
            "0.JSON": note,
            "__MACOSX/._0.jpg": b"\0\5\26\7",
            "/etc/1.jpg": jpg,
            "../2.jpg": jpg,
            "../2.txt": "caf\u00e9".encode("utf-8-sig"),
        },
    )
    assert is_shards(tmp_path)
    samples = list(shard_samples(shard_names(tar)[0]))
    assert [sample.caption for sample in samples] == ["a dog", None, "caf\u00e9"]
    assert [place.ending for place in index_shard(str(tar))] == ["jpg"] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["A.TAR"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (
            ["0.jpg", "1.jpg", "0.txt", "1.txt"],
            r"0\.txt: the files of one sample must stand together",
        ),
        (["0.txt", "1.txt", "0.jpg"], r"0\.jpg: the files of one sample must stand together"),
        (["0.jpg", "0.latin.txt", "0.txt"], r"0\.txt: not readable text \(line 1 is not utf-8"),
        (["0.jpg", "0.json"], r"0\.json: the key 'a' comes twice|the key 'a' comes twice"),
    ],
)
def test_samples_that_would_be_read_wrongly_are_named(
    tmp_path: Path, members: list[str], says: str
) -> None:
    data = {"jpg": _picture(), "txt": b"a caf\xe9", "json": b'{"a": 1, "a": 2}'}
    tar = _tar(tmp_path / "a.tar", {name: data[name.rpartition(".")[2]] for name in members})
    with pytest.raises(InputError, match=rf"a\.tar: .*({says})"):
        list(shard_samples(str(tar)))


def test_half_an_emoji_in_shards_is_named(shards: Path) -> None:
    bad = json.dumps({"image": "a\ud83d", "caption": "dog \ud83d", "concept": "x"}).encode()
    rewritten(shards / "00001.tar", lambda n, d: bad if n == "000000022.json" else d)
    with pytest.raises(InputError, match=r"00001\.tar: 000000022: 'image' holds half a character"):
        list(shard_samples(str(shards / "00001.tar")))
    with pytest.raises(InputError, match=r"00001\.tar: 000000022: 'image' holds half a character"):
        load_dataset(shards)
    bad = json.dumps({"image": "a", "caption": "dog \ud83d"}).encode()
    rewritten(shards / "00001.tar", lambda n, d: bad if n == "000000022.json" else d)
    with pytest.raises(InputError, match=r"000000022\.jpg: 'caption' holds half a character"):
        [sample.caption for sample in shard_samples(str(shards / "00001.tar"))]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_tar_is_named_as_that(tmp_path: Path, mode: str) -> None:
    tar = _tar(tmp_path / "a.tar", {"0.jpg": _picture()}, mode)
    for read in (lambda: list(shard_samples(str(tar))), lambda: load_dataset(tar)):
        with pytest.raises(InputError, match=r"a\.tar: it is compressed \(\w+\); unpack it"):
            read()
    named = tar.rename(tmp_path / f"a.tar.{mode[2:]}")
    for source in (named, tmp_path):
        assert is_shards(source)
        with pytest.raises(InputError, match=r"a\.tar\.\w+: a compressed tar"):
            load_dataset(source)


def test_a_misspelt_key_in_a_shard_is_named(shards: Path) -> None:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(b'"also"', b'"alos"') if name == "000000021.json" else data

    rewritten(shards / "00001.tar", change)
    with pytest.raises(InputError, match=r"000000021\.json, .*key 'alos', did you mean 'also'"):
        load_dataset(shards)


@pytest.mark.parametrize(
    ("notes", "says"),
    [
        ({"caption": "a dog"}, "no 'concept'; groups are made of records in the MAGIC layout"),
        ({"concept": "x", "old_captions": ["a"], "split": "dev"}, "split 'dev'"),
        ({"concept": "x"}, "'old_captions' is empty"),
    ],
)
def test_shards_without_groups_cannot_be_trained_on(shards: Path, notes, says: str) -> None:
    bad = json.dumps(notes).encode()
    rewritten(shards / "00001.tar", lambda n, d: bad if n == "000000020.json" else d)
    with pytest.raises(InputError, match=rf"00001\.tar: 000000020\.json.*{says}"):
        load_dataset(shards)


def test_a_picture_that_does_not_decode_is_named(shards: Path) -> None:
    rewritten(shards / "00000.tar", lambda n, d: b"no picture" if n == "000000001.jpg" else d)
    with pytest.raises(InputError, match=r"00000\.tar: 000000001\.jpg: not a readable picture"):
        load_dataset(shards).image(1)


def test_shards_hold_their_pictures(shards: Path) -> None:
    with pytest.raises(InputError, match="leave --images out"):
        load_dataset(shards, images=shards)


# --- packing


def test_an_interrupted_pack_goes_on_and_gives_the_same_bytes(
    data: GroupedDataset, packed: Path, tmp_path: Path
) -> None:
    class Cut(DatasetSource):
        def members(self, start: int):
            for number, member in enumerate(super().members(start), start):
                if number == 45:
                    raise KeyboardInterrupt
                yield member

    with pytest.raises(KeyboardInterrupt):
        pack_shards(Cut(data), tmp_path, 20)
    assert pack.packed(tmp_path) is None
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["00000.tar", "00001.tar"]
    (tmp_path / "00000.tar").touch()
    assert pack_shards(DatasetSource(data), tmp_path, 20) == (4, 66)
    for tar in packed.glob("*.tar"):
        assert tar.read_bytes() == (tmp_path / tar.name).read_bytes()
    assert pack_shards(DatasetSource(data), tmp_path, 20) == (4, 66), "nothing is left to do"


def test_a_pack_killed_before_its_last_file_counts_its_pictures(
    data: GroupedDataset, tmp_path: Path
) -> None:
    assert pack_shards(DatasetSource(data), tmp_path, 20) == (4, 66)
    plan = json.loads((tmp_path / "pack.json").read_text())
    del plan["shards"], plan["pictures"]
    (tmp_path / "pack.json").write_text(json.dumps(plan))
    assert pack_shards(DatasetSource(data), tmp_path, 20) == (4, 66)


def test_what_cannot_be_packed_leaves_no_folder(data: GroupedDataset, tmp_path: Path) -> None:
    class Closed(DatasetSource):
        def members(self, start: int):
            raise InputError("it can't be opened")
            yield

    class Empty(DatasetSource):
        def members(self, start: int):
            return iter(())

    for source, says in ((Closed(data), "can't be opened"), (Empty(data), "no picture to pack")):
        with pytest.raises(InputError, match=says):
            pack_shards(source, tmp_path / "new", 20)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_shards_is_refused(data: GroupedDataset, shards: Path) -> None:
    with pytest.raises(InputError, match="another data set or size"):
        pack_shards(DatasetSource(data), shards, 21)
    (shards / "pack.json").unlink()
    with pytest.raises(InputError, match="tar files of something else"):
        pack_shards(DatasetSource(data), shards, 20)


def test_the_commands_pack_and_embed(data: GroupedDataset, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    part = data.select(range(0, 66, 22))
    write_magic(part, tmp_path / "mine.json")
    images, shards = str(data.images.folder), str(tmp_path / "shards")
    pack_it = ["data", "pack", str(tmp_path / "mine.json"), "--images", images, "--out", shards]
    done = CliRunner().invoke(app, [*pack_it, "--shard-size", "2"])
    assert done.exit_code == 0
    assert done.output.strip() == f"3 pictures in 2 shards: {shards}"
    arguments = ["embed", "lite0-minilm", shards, "--captions", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    vectors = load_file(tmp_path / "out" / "vectors.safetensors")
    index = json.loads((tmp_path / "out" / "index.json").read_text())["pictures"]
    assert [row["key"] for row in index] == [record.key for record in part.records]
    assert vectors["pictures"].shape == vectors["captions"].shape == (3, 384)
