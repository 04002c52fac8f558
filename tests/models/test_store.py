"""The feature store: every row is right or a miss, whatever happened to the files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from glasskit.errors import InputError
from glasskit.models.rows import ENTRY
from glasskit.models.store import FeatureStore

WIDTH = 7

forked = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)


def row_of(key: str, width: int = WIDTH) -> torch.Tensor:
    """What belongs to a key, so that a wrong row is seen: numbers drawn from the key itself."""
    seed = int.from_bytes(key.encode(), "big") % 2**32
    return torch.from_numpy(np.random.default_rng(seed).normal(size=width).astype(np.float32))


def fill(store: FeatureStore, keys: list[str]) -> None:
    store.write(keys, torch.stack([row_of(key, store.width) for key in keys]))


def misses(store: FeatureStore, keys: list[str]) -> list[str]:
    """Keys that are not there; every row that is there must be bit for bit its own."""
    found = store.read(keys)
    for key, row in found.items():
        assert torch.equal(row, row_of(key, store.width)), f"a wrong row for {key}"
    return [key for key in keys if key not in found]


def names(count: int, start: int = 0) -> list[str]:
    return [f"picture {i}" for i in range(start, start + count)]


def test_rows_come_back_bit_for_bit_in_another_store(tmp_path: Path) -> None:
    keys = names(20)
    fill(FeatureStore(tmp_path, WIDTH), keys[:12])
    fill(FeatureStore(tmp_path, WIDTH), keys[8:])  # four of them are there already
    assert misses(FeatureStore(tmp_path, WIDTH), [*keys, "absent", keys[3]]) == ["absent"]
    assert (tmp_path / "7.float32.rows").stat().st_size == 20 * WIDTH * 4


def test_a_store_sees_what_another_has_added(tmp_path: Path) -> None:
    reader, writer = FeatureStore(tmp_path, WIDTH), FeatureStore(tmp_path, WIDTH)
    assert misses(reader, names(3)) == names(3)
    fill(writer, names(3))
    assert misses(reader, names(3)) == []
    fill(reader, names(3, 3))
    assert misses(writer, names(6)) == []


def test_one_key_twice_in_a_write_is_one_row(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 1)
    store.write(["a", "b", "a"], torch.tensor([[1.0], [2.0], [3.0]]))
    assert {key: row.item() for key, row in store.read(["a", "b"]).items()} == {"a": 1, "b": 2}
    assert len(store.vectors()) == 2


def test_half_precision_rounds_to_nearest_and_is_mapped(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, WIDTH, "float16")
    fill(store, names(5))
    (row,) = store.read(names(1, 2)).values()
    assert torch.equal(row, row_of("picture 2").half().float())
    assert isinstance(store.vectors(), np.memmap)
    assert store.vectors().dtype == np.float16
    assert store.places([*names(5), "absent"]).tolist() == [0, 1, 2, 3, 4, -1]


def test_another_width_or_number_type_is_a_miss_and_harms_nothing(tmp_path: Path) -> None:
    fill(FeatureStore(tmp_path, WIDTH), names(3))
    assert FeatureStore(tmp_path, WIDTH + 1).read(names(3)) == {}
    assert FeatureStore(tmp_path, WIDTH, "float16").read(names(3)) == {}
    fill(FeatureStore(tmp_path, WIDTH + 1), names(3))
    assert misses(FeatureStore(tmp_path, WIDTH), names(3)) == []
    with pytest.raises(InputError, match="rows of 8 numbers in a store of 7"):
        FeatureStore(tmp_path, WIDTH).write(["a"], torch.zeros(1, 8))
    with pytest.raises(InputError, match="float32 or float16"):
        FeatureStore(tmp_path, WIDTH, "int8")


@pytest.mark.parametrize("which", ["keys", "rows"])
def test_cut_at_every_byte_of_the_last_record(tmp_path: Path, which: str) -> None:
    keys = names(4)
    fill(FeatureStore(tmp_path, WIDTH), keys)
    file = tmp_path / f"7.float32.{which}"
    whole = file.read_bytes()
    record = ENTRY.itemsize if which == "keys" else 4 * WIDTH
    for left in range(len(whole) - record, len(whole)):
        file.write_bytes(whole[:left])
        assert misses(FeatureStore(tmp_path, WIDTH), keys) == keys[3:]
        fill(FeatureStore(tmp_path, WIDTH), names(3, 3))  # goes on behind what was cut
        assert misses(FeatureStore(tmp_path, WIDTH), names(6)) == []
        (tmp_path / "7.float32.keys").unlink()
        (tmp_path / "7.float32.rows").unlink()
        fill(FeatureStore(tmp_path, WIDTH), keys)


@pytest.mark.parametrize("which", ["keys", "rows"])
def test_any_changed_byte_is_a_miss_of_that_row_only(tmp_path: Path, which: str) -> None:
    keys = names(3)
    fill(FeatureStore(tmp_path, WIDTH), keys)
    file = tmp_path / f"7.float32.{which}"
    whole = file.read_bytes()
    record = len(whole) // 3
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        assert misses(FeatureStore(tmp_path, WIDTH), keys) == [keys[place // record]]
    fill(FeatureStore(tmp_path, WIDTH), keys)  # the last row again, behind the damaged one
    assert misses(FeatureStore(tmp_path, WIDTH), keys) == []
    assert FeatureStore(tmp_path, WIDTH).places(keys).tolist() == [0, 1, 3]


@pytest.mark.parametrize("which", ["keys", "rows"])
@pytest.mark.parametrize("junk", [b"", b"no store " * 50, bytes(200)])
def test_a_file_that_is_something_else_is_all_misses_until_written(
    tmp_path: Path, which: str, junk: bytes
) -> None:
    fill(FeatureStore(tmp_path, WIDTH), names(5))
    (tmp_path / f"7.float32.{which}").write_bytes(junk)
    assert misses(FeatureStore(tmp_path, WIDTH), names(5)) == names(5)
    fill(FeatureStore(tmp_path, WIDTH), names(5))
    assert misses(FeatureStore(tmp_path, WIDTH), names(5)) == []


def test_entries_that_have_moved_are_not_believed(tmp_path: Path) -> None:
    fill(FeatureStore(tmp_path, WIDTH), names(4))
    file = tmp_path / "7.float32.keys"
    file.write_bytes(file.read_bytes()[ENTRY.itemsize :])
    assert FeatureStore(tmp_path, WIDTH).read(names(4)) == {}


def test_an_open_store_survives_a_file_that_others_cut_or_remove(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, WIDTH)
    fill(store, names(4))
    with (tmp_path / "7.float32.keys").open("r+b") as file:
        file.truncate(2 * ENTRY.itemsize)
    assert misses(store, names(4)) == names(2, 2)
    for file in tmp_path.iterdir():
        file.unlink()
    assert misses(store, names(4)) == names(4)
    fill(store, names(4, 2))
    assert misses(store, names(6)) == names(2)


def test_a_folder_that_cannot_be_written_says_so_and_is_read(tmp_path: Path) -> None:
    fill(FeatureStore(tmp_path / "store", WIDTH), names(2))
    if os.geteuid() == 0:  # permissions do not bind root: a file stands where a folder must
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="can't be written"):
            fill(FeatureStore(tmp_path / "file" / "store", WIDTH), names(1))
        return
    for path in ((tmp_path / "store").iterdir(), [tmp_path / "store"]):
        for item in path:
            item.chmod(0o555 if item.is_dir() else 0o444)
    try:
        assert misses(FeatureStore(tmp_path / "store", WIDTH), names(3)) == names(1, 2)
        with pytest.raises(InputError, match="can't be written"):
            fill(FeatureStore(tmp_path / "store", WIDTH), names(3))
    finally:
        (tmp_path / "store").chmod(0o755)


def write_all(folder: Path, first: int, count: int, width: int, begun: object) -> None:
    store = FeatureStore(folder, width)
    begun.set()  # type: ignore[attr-defined]
    for start in range(first, first + count, 5):
        fill(store, names(5, start))


def writer(folder: Path, first: int, count: int, width: int) -> BaseProcess:
    """A process that writes; forked, so that it does not import torch for seconds."""
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    process = context.Process(target=write_all, args=(folder, first, count, width, begun))
    process.start()
    assert begun.wait(60)
    return process


@forked
def test_two_processes_write_at_once(tmp_path: Path) -> None:
    # They share keys 100 to 199.
    running = [writer(tmp_path, first, 200, WIDTH) for first in (0, 100)]
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0]
    assert misses(FeatureStore(tmp_path, WIDTH), names(300)) == []
    assert len(FeatureStore(tmp_path, WIDTH).vectors()) == 300


@forked
def test_a_writer_killed_at_any_moment_leaves_right_rows(tmp_path: Path) -> None:
    # Rows of 400 kB: most of the writer's time goes into writing, and kills fall into it.
    width, draw, seen = 100_000, np.random.default_rng(5), 0
    for attempt in range(4):
        process = writer(tmp_path, 0, 400, width)
        time.sleep(float(draw.uniform(0.02, 0.2)))
        process.kill()
        process.join(30)
        assert process.exitcode == -signal.SIGKILL, "the writer was done before it was killed"
        missing = misses(FeatureStore(tmp_path, width), names(400))
        there = 400 - len(missing)
        assert missing == names(400 - there, there), "rows are there in the order of writing"
        assert there >= seen, f"attempt {attempt} lost rows"
        seen = there
    fill(FeatureStore(tmp_path, width), names(1, seen))
    assert misses(FeatureStore(tmp_path, width), names(seen + 1)) == []


class Killed(BaseException):
    """Stands for a kill between two bytes."""


def test_a_write_that_stops_at_any_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from glasskit.models import rows

    write_at = rows._write_at
    total = 2 * (ENTRY.itemsize + 4 * WIDTH)
    for stop in range(total):
        folder = tmp_path / str(stop)
        fill(FeatureStore(folder, WIDTH), names(2))
        left = [stop]

        def cut(file: Path, place: int, data: bytes, left: list[int] = left) -> None:
            write_at(file, place, data[: left[0]])
            if left[0] < len(data):
                raise Killed
            left[0] -= len(data)

        with monkeypatch.context() as patch:
            patch.setattr(rows, "_write_at", cut)
            with pytest.raises(Killed):
                fill(FeatureStore(folder, WIDTH), names(2, 2))
        whole = max(0, stop - 2 * 4 * WIDTH) // ENTRY.itemsize
        assert misses(FeatureStore(folder, WIDTH), names(4)) == names(2 - whole, 2 + whole)
        fill(FeatureStore(folder, WIDTH), names(3, 2))
        assert misses(FeatureStore(folder, WIDTH), names(5)) == []
