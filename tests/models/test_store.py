"""The feature store: every row is right or missing, whatever happened to the file."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glasskit.models.store import FeatureStore

WIDTH = 7
AGAIN = "its features are computed again"


def row_of(key: str) -> torch.Tensor:
    """What belongs to a key, so that a wrong row is seen: numbers drawn from the key itself."""
    seed = int.from_bytes(key.encode(), "big") % 2**32
    return torch.from_numpy(np.random.default_rng(seed).normal(size=WIDTH).astype(np.float32))


def fill(store: FeatureStore, keys: list[str]) -> None:
    store.write(keys, torch.stack([row_of(key) for key in keys]))


def misses(store: FeatureStore, keys: list[str]) -> list[str]:
    """Keys that are not there; every row that is there must be bit for bit its own."""
    found = store.read(keys)
    for key, row in found.items():
        assert torch.equal(row, row_of(key)), f"a wrong row for {key}"
    return [key for key in keys if key not in found]


def names(count: int, start: int = 0) -> list[str]:
    return [f"picture {i}" for i in range(start, start + count)]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "deep/rows.sqlite", "images")


def test_rows_come_back_bit_for_bit_in_another_store(store: FeatureStore) -> None:
    assert misses(store, names(2)) == names(2)
    fill(store, names(12))
    fill(FeatureStore(store.file, "images"), names(12, 8))  # four of them are there already
    assert misses(store, [*names(20), "absent", "picture 3"]) == ["absent"]
    assert FeatureStore(store.file, "texts").read(names(3)) == {}


def test_a_damaged_row_is_missing_and_written_again(store: FeatureStore) -> None:
    fill(store, names(3))
    database = sqlite3.connect(store.file)
    with database:
        data = database.execute("SELECT data FROM features WHERE rowid = 2").fetchone()[0]
        changed = bytes([data[0] ^ 1]) + data[1:]
        database.execute("UPDATE features SET data = ? WHERE rowid = 2", (changed,))
    database.close()
    assert misses(store, names(3)) == names(1, 1)
    fill(store, names(1, 1))
    assert misses(store, names(3)) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b"no database " * 500), AGAIN),
        (lambda file: file.write_bytes(file.read_bytes()[:5000]), AGAIN),
        (lambda file: file.unlink(), ""),  # by others, who know of it
    ],
    ids=["other", "cut", "removed"],
)
def test_a_damaged_file_is_made_anew_with_a_word(
    store: FeatureStore,
    damage: Callable[[Path], object],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(store, names(50))
    damage(store.file)
    assert misses(store, names(50)) == names(50)
    assert said in caplog.text
    fill(store, names(50))
    assert misses(store, names(50)) == []


def write_all(file: Path, first: int) -> None:
    for start in range(first, first + 200, 5):
        fill(FeatureStore(file, "images"), names(5, start))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
)
def test_several_processes_write_at_once(store: FeatureStore) -> None:
    context = multiprocessing.get_context("fork")  # that does not import torch for seconds
    firsts = (0, 100, 50)  # they share keys
    running = [context.Process(target=write_all, args=(store.file, first)) for first in firsts]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert misses(store, names(300)) == []
