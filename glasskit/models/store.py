"""Rows of numbers on disk, found by the hash of what they were computed from, mapped into memory.

Rows are added as they are computed. Several processes may read and write at once; a process that
is killed at any byte leaves the rows that were there, and what can't be read is a miss. A machine
that loses power may lose the latest rows, which are then misses too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from glasskit.errors import InputError
from glasskit.io.places import keeping_in
from glasskit.models.rows import ENTRY, Files, digests, row_sums, sound

WAIT = 60.0
"""Seconds to wait for another process that is writing."""

DTYPES = ("float32", "float16")


def checked_dtype(dtype: str) -> str:
    """The name of a number type in which rows are kept.

    Raises:
        InputError: it is none of ``DTYPES``.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r}: choose {' or '.join(DTYPES)}")
    return dtype


class FeatureStore:
    """Rows of one width by key.

    A key stands for its content, so that a row that is there and sound is kept as it is.

    Args:
        folder: where the files lie; made when first written.
        width: numbers in a row; rows of another width lie in other files.
        dtype: float32 keeps every bit, which training needs; float16 halves the file and what a
            search must read, and moves a cosine by about 1e-5.

    Raises:
        InputError: another dtype.
    """

    def __init__(self, folder: Path, width: int, dtype: str = "float32") -> None:
        self.folder, self.width = Path(folder), width
        self._files = Files.of(self.folder, width, checked_dtype(dtype))
        self._entries = np.empty(0, dtype=ENTRY)
        self._order = np.empty(0, dtype=np.int64)
        self._high = np.empty(0, dtype=np.uint64)

    def read(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """The rows that are there and sound, by key, as float32."""
        keys = list(dict.fromkeys(keys))
        places = self.places(keys)
        at = np.flatnonzero(places >= 0)
        values = torch.from_numpy(self.vectors()[places[at]].astype(np.float32))
        return {keys[i]: row for i, row in zip(at, values, strict=True)}

    def write(self, keys: Sequence[str], rows: Tensor) -> None:
        """Add the rows of keys that are not there yet.

        Raises:
            InputError: the folder cannot be written, or the rows are of another width.
        """
        if rows.shape[-1] != self.width:
            raise InputError(f"rows of {rows.shape[-1]} numbers in a store of {self.width}")
        values = rows.detach().float().cpu().numpy().astype(self._files.dtype)
        first: dict[str, int] = {}
        for i, key in enumerate(keys):
            first.setdefault(key, i)
        with keeping_in(self.folder), FileLock(self.folder / "lock", timeout=WAIT):
            absent = self.places(list(first)) < 0
            chosen = [i for i, new in zip(first.values(), absent, strict=True) if new]
            if chosen:
                self._files.append(digests([keys[i] for i in chosen]), values[chosen])

    def places(self, keys: Sequence[str]) -> np.ndarray:
        """(n,) row number of each key in ``vectors()``; -1 where it has no sound row."""
        self._refresh()
        if not len(keys) or not len(self._order):
            return np.full(len(keys), -1)
        high, low = digests(keys).T
        # The last of equal digests: a damaged row is written again behind it.
        near = np.searchsorted(self._high, high, side="right") - 1
        place = self._order[np.maximum(near, 0)]
        found = (self._entries["high"][place] == high) & (self._entries["low"][place] == low)
        place[~found] = -1
        place[place >= 0] = np.where(self.sound(place[found]), place[found], -1)
        return place

    def sound(self, places: np.ndarray) -> np.ndarray:
        """(n,) whether the bytes of these rows are those that were written."""
        vectors = self.vectors()
        good = (places >= 0) & (places < min(len(vectors), len(self._entries)))
        rows = places[good]
        good[good] = row_sums(vectors[rows]) == self._entries["sum"][rows]
        return good

    def vectors(self) -> np.ndarray:
        """(n, width) all rows in the order in which they came, mapped and not checked."""
        return self._files.mapped()

    def _refresh(self) -> None:
        """Take in the entries that were added since; begin again where the file is shorter."""
        size = self._files.keys.stat().st_size if self._files.keys.is_file() else 0
        if size // ENTRY.itemsize == len(self._entries):
            return
        if size // ENTRY.itemsize < len(self._entries):
            self._entries = self._entries[:0]
        added = self._files.entries(len(self._entries))
        self._entries = np.concatenate([self._entries, added])
        rows = np.flatnonzero(sound(self._entries))
        high = self._entries["high"][rows]
        order = np.argsort(high, kind="stable")
        self._order, self._high = rows[order], high[order]
