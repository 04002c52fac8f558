"""Rows of numbers on disk, found by the hash of what they were computed from: an SQLite database.

Several processes may read and write at once (write-ahead log), and one that is killed leaves the
rows that it had written. Each row has a CRC-32, so that a damaged one is computed again; a file
that is no database of ours is replaced with a warning. Rows that an earlier version kept in files
of its own (``*.rows``, ``*.keys``) are left where they are and not read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from glasskit.io.places import keeping_in

log = logging.getLogger(__name__)
T = TypeVar("T")

WAIT = 60.0
"""Seconds to wait for another process that is writing."""


class FeatureStore:
    """Float32 rows by key, in a file that other kinds of rows may share.

    A key stands for its content, so that a row that is there and sound is kept as it is.

    Args:
        file: the database; made when first used. One that can't be written is read.
        kind: of the rows, such as "images"; keys of two kinds have nothing in common.
    """

    def __init__(self, file: Path, kind: str) -> None:
        self.file, self.kind = file, kind

    def read(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """The rows that are there and sound, by key.

        Raises:
            InputError: the database can't be made or opened.
        """

        def look(database: sqlite3.Connection) -> dict[str, Tensor]:
            ask = "SELECT crc, data FROM features WHERE kind = ? AND key = ?"
            found = {}
            for key in keys:
                row = database.execute(ask, (self.kind, _digest(key))).fetchone()
                if row and zlib.crc32(row[1]) == row[0]:
                    found[key] = torch.from_numpy(np.frombuffer(row[1], dtype="<f4").copy())
            return found

        return self._with_database(look)

    def write(self, keys: Sequence[str], rows: Tensor) -> None:
        """Add (n, width) rows under their keys.

        Raises:
            InputError: the database can't be written, such as on a full disk.
        """
        data = [row.tobytes() for row in rows.detach().float().cpu().numpy().astype("<f4")]
        entries = [
            (self.kind, _digest(key), zlib.crc32(row), row)
            for key, row in zip(keys, data, strict=True)
        ]

        def add(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", entries)

        self._with_database(add)

    def _with_database(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with keeping_in(self.file.parent):
            try:
                return self._connected(work)
            except sqlite3.OperationalError as error:  # no space, no right, locked for too long
                raise OSError(0, str(error)) from error
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # a fault of ours, not of the file
                    raise
                log.warning("%s: %s; its features are computed again", self.file, error)
                for end in ("", "-wal", "-shm"):
                    self.file.with_name(self.file.name + end).unlink(missing_ok=True)
                return self._connected(work)

    def _connected(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` does with an open database that has our table."""
        if self.file.exists() and not os.access(self.file.parent, os.W_OK):
            kept = f"{self.file.absolute().as_uri()}?immutable=1"
            with closing(sqlite3.connect(kept, uri=True)) as database:
                return work(database)
        with closing(sqlite3.connect(self.file, timeout=WAIT)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS features "
                "(kind TEXT, key BLOB, crc INTEGER, data BLOB, PRIMARY KEY (kind, key))"
            )
            return work(database)


def _digest(key: str) -> bytes:
    """SHA-256 of a key, which may be a file name of any bytes."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
