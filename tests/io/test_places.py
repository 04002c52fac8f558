"""Places that are written to: tried before the work, written whole or not at all, in one line."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glasskit.analysis.store import write_arrays
from glasskit.analysis.write_vectors import embed_source
from glasskit.data import write_magic
from glasskit.data.pack import pack
from glasskit.errors import InputError
from glasskit.io.places import (
    atomic_folder,
    atomic_write,
    check_file,
    check_folder,
    scratch_of,
    write_text,
)
from glasskit.models import save_model
from glasskit.models.export import export_open_clip
from tests.analysis.test_write_vectors import FileModel
from tests.analysis.toys import colour_dataset
from tests.training.toys import tiny_open_clip


@contextmanager
def small_disk(largest: int = 200) -> Iterator[None]:
    """Files that grow beyond so many bytes are refused, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def pictures(folder: Path, shade: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for i in range(40):
        Image.new("RGB", (8, 8), (6 * i, shade, 200)).save(folder / f"{i:02}.png")
    return folder


def model(folder: Path) -> Callable[[], None]:
    made = tiny_open_clip()
    return lambda: save_model(made, folder / "out/run")


def export(folder: Path) -> Callable[[], None]:
    save_model(tiny_open_clip(), folder / "run")
    return lambda: export_open_clip(folder / "run", folder / "out/hub")


WRITERS: dict[str, Callable[[Path], Callable[[], object]]] = {
    "text": lambda f: lambda: write_text(f / "out/a.txt", "x" * 1000),
    "data set": lambda f: lambda: write_magic(colour_dataset(), f / "out/a.json"),
    "arrays": lambda f: lambda: write_arrays(f / "out/a.npz", {"a": np.zeros(1000)}),
    "model": model,
    "export": export,
    "shards": lambda f: lambda: pack(colour_dataset(), f / "out/shards"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_no_half(name: str, tmp_path: Path) -> None:
    write = WRITERS[name](tmp_path)
    before = contents(tmp_path)
    with small_disk(), pytest.raises(InputError, match=r"can't be written \(File too large\)") as e:
        write()
    assert "\n" not in str(e.value)
    left = contents(tmp_path)
    if name == "shards":  # the next call goes on by this note
        assert left.pop("out/shards/pack.json")
        del left["out/shards"], left["out"]
    assert left == before
    write()
    assert contents(tmp_path).keys() > before.keys()


def test_vectors_on_a_full_disk_leave_those_of_before(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    folder, out = pictures(tmp_path / "in"), tmp_path / "out"
    embed_source(FileModel(), folder, out)
    before = contents(out)
    with small_disk(), pytest.raises(InputError, match="can't be written"):
        embed_source(FileModel(), folder, out, dtype="float16")
    assert contents(out) == before


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_what_fails_leaves_no_new_folders(tmp_path: Path) -> None:
    def half(write: Callable) -> None:
        with write(tmp_path / "a/b/c") as scratch:
            (scratch / "x" if scratch.is_dir() else scratch).write_text("half")
            raise KeyboardInterrupt

    for write in (atomic_write, atomic_folder):
        with pytest.raises(KeyboardInterrupt):
            half(write)
        assert contents(tmp_path) == {}


def test_what_a_killed_process_left_is_removed_and_no_other(tmp_path: Path, monkeypatch) -> None:
    mine = scratch_of(tmp_path / "model.safetensors")
    dead = Path(str(mine).replace(f"-{os.getpid()}-", "-4194999-"))  # above any process's number
    for file in (mine, dead, tmp_path / ".other.part", tmp_path / "a.part"):
        file.write_text("x")
    check_folder(tmp_path)
    assert mine.is_file()
    assert not dead.exists()
    assert len(contents(tmp_path)) == 3


@pytest.mark.parametrize("place", ["", "file/below", "/proc/nothing/x", "x" * 300])
def test_where_nothing_can_be_made_is_named(place: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept")
    for check, other in ((check_folder, "file"), (check_file, ".")):
        for name in (place, other):
            with pytest.raises(InputError, match=re.escape(name or "is empty")):
                check(name)
    assert contents(tmp_path) == {"file": b"kept"}


COMMANDS = {
    "train": "train scenes --out",
    "embed": "embed lite0-minilm scenes --out",
    "export": "export run --to",
    "study": "study scenes --keep",
    "build": "build captions.csv --out",
    "pack": "data pack scenes --out",
    "download": "data coco-concepts --download --to",
    "report": "report lite0-minilm --dataset scenes --out",
    "json of train": "train scenes --out r --json",
    "json of evaluate": "evaluate lite0-minilm scenes --json",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_place_is_tried_before_the_work(name: str, tmp_path: Path, monkeypatch, refused) -> None:
    monkeypatch.chdir(tmp_path)
    # What commands import when they need it, so that nothing keeps what stands here meanwhile.
    for loads in ("glasskit.models.lite0.load_lite0_minilm", "glasskit.data.scenes.load_scenes"):
        monkeypatch.setattr(loads, lambda *_, **__: pytest.fail("the work has begun"))
    Path("file").write_text("kept")
    line = refused(*COMMANDS[name].split(), "file/below.html")
    assert line.startswith("glasskit: file/below.html: can't be written")
    assert contents(tmp_path) == {"file": b"kept"}


def test_the_users_own_folder_is_meant_by_a_tilde(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_folder("~/vectors") == tmp_path / "vectors"
    assert check_file("~/a.json") == tmp_path / "a.json"
    assert contents(tmp_path) == {}
