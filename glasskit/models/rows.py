"""The files of a feature store: rows of numbers, and one entry a row that says whose it is.

``WIDTH.DTYPE.rows`` is nothing but the rows, one after the other, so that it can be mapped as one
array. ``WIDTH.DTYPE.keys`` has 32 bytes for each row in the same order: the key's digest, a CRC-32
of the row's bytes, the row's number, and a check of these. A row is written before its entry, and
no entry is taken at its word: a write that was cut off anywhere, a file that was cut off or holds
something else, and a machine that lost power leave rows that are not found, never wrong ones.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ENTRY = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("sum", "<u4"), ("place", "<u4"), ("check", "<u8")]
)
FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
START = np.uint64(0x27D4EB2F165667C5)


class Files(NamedTuple):
    """Where the rows of one width and number type lie.

    Attributes:
        keys: file of entries.
        rows: file of rows.
        width: numbers in a row.
        dtype: little-endian float32 or float16.
    """

    keys: Path
    rows: Path
    width: int
    dtype: np.dtype

    @classmethod
    def of(cls, folder: Path, width: int, dtype: str) -> Files:
        """The files of a folder; their names say width and number type."""
        stem = f"{width}.{dtype}"
        kind = np.dtype(dtype).newbyteorder("<")
        return cls(folder / f"{stem}.keys", folder / f"{stem}.rows", width, kind)

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return self.width * self.dtype.itemsize

    def entries(self, start: int = 0) -> np.ndarray:
        """Whole entries from number ``start`` on, sound or not; none where there is no file."""
        try:
            with self.keys.open("rb") as file:
                file.seek(start * ENTRY.itemsize)
                data = file.read()
        except FileNotFoundError:
            data = b""
        return np.frombuffer(data[: len(data) // ENTRY.itemsize * ENTRY.itemsize], dtype=ENTRY)

    def mapped(self) -> np.ndarray:
        """(n, width) whole rows on disk, mapped: a page is read when it is first looked at."""
        n = self.rows.stat().st_size // self.stride if self.rows.is_file() else 0
        if not n:
            return np.empty((0, self.width), dtype=self.dtype)
        return np.memmap(self.rows, dtype=self.dtype, mode="r", shape=(n, self.width))

    def append(self, digests: np.ndarray, values: np.ndarray) -> None:
        """Add rows and then their entries; the caller holds the lock.

        Args:
            digests: (n, 2) as ``digests`` gives them.
            values: (n, width) of the files' number type.
        """
        whole = self.keys.stat().st_size // ENTRY.itemsize if self.keys.is_file() else 0
        added = np.zeros(len(values), dtype=ENTRY)
        added["high"], added["low"] = digests.T
        added["sum"] = row_sums(values)
        added["place"] = np.arange(whole, whole + len(values), dtype=np.uint64).astype("<u4")
        added["check"] = _check(added)
        _write_at(self.rows, whole * self.stride, values.tobytes())
        _write_at(self.keys, whole * ENTRY.itemsize, added.tobytes())


def digests(keys: Sequence[str]) -> np.ndarray:
    """(n, 2) uint64: the first 16 bytes of the SHA-256 of each key, a file name of any bytes."""
    names = (key.encode(errors="surrogatepass") for key in keys)
    data = b"".join(hashlib.sha256(name).digest()[:16] for name in names)
    return np.frombuffer(data, dtype="<u8").reshape(-1, 2)


def row_sums(values: np.ndarray) -> np.ndarray:
    """(n,) CRC-32 of the bytes of each row."""
    rows = np.ascontiguousarray(values)
    return np.fromiter((zlib.crc32(row) for row in rows), dtype=np.uint32, count=len(rows))


def sound(entries: np.ndarray, start: int = 0) -> np.ndarray:
    """(n,) whether each entry is whole and stands where it was written, from number ``start``."""
    place = np.arange(start, start + len(entries), dtype=np.uint64).astype("<u4")
    return (entries["check"] == _check(entries)) & (entries["place"] == place)


def _check(entries: np.ndarray) -> np.ndarray:
    """Sum of the words by odd factors mod 2^64: a change within one word is always seen."""
    tail = (entries["sum"].astype(np.uint64) << np.uint64(32)) | entries["place"]
    words = (entries["high"], entries["low"], tail)
    total = np.full(len(entries), START)
    for word, factor in zip(words, FACTORS, strict=True):
        total += word * factor  # unsigned: wraps
        total ^= total >> np.uint64(29)
    return total


def _write_at(file: Path, place: int, data: bytes) -> None:
    """Write at a place of a file; what a writer that was killed left beyond it is overwritten."""
    with file.open("r+b" if file.is_file() else "x+b") as handle:
        handle.seek(place)
        handle.write(data)
