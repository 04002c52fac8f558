"""Feature rows on disk, found by the hash of what they were computed from.

One SQLite file for each tower: rows are added as they are computed, several processes may read and
write, and a process killed at any moment leaves whole rows. A file that is damaged is begun anew.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glasskit.errors import InputError

logger = logging.getLogger(__name__)

WAIT = 60.0
"""Seconds to wait for another process that is writing."""

ASKED_AT_ONCE = 500


class FeatureStore:
    """float32 rows of one width by key.

    Args:
        file: the SQLite file; made with its folder when first written.
        width: numbers in a row; a row of another width is a miss.
    """

    def __init__(self, file: Path, width: int) -> None:
        self.file, self.width = file, width

    def read(self, keys: Sequence[str]) -> dict[str, Tensor]:
        """The rows that are there, by key."""
        if not self.file.is_file():
            return {}
        digests = {_digest(key): key for key in keys}
        found: dict[str, Tensor] = {}
        with self._open() as connection:
            for chunk in _chunks(list(digests)):
                marks = ",".join("?" * len(chunk))
                rows = connection.execute(
                    f"SELECT key, row FROM rows WHERE key IN ({marks})", chunk
                )
                for digest, row in rows:
                    if len(row) == 4 * self.width:
                        values = np.frombuffer(row, dtype="<f4").astype(np.float32)
                        found[digests[digest]] = torch.from_numpy(values)
        return found

    def write(self, keys: Sequence[str], rows: Tensor) -> None:
        """Add rows in one transaction: all of them or none.

        Raises:
            InputError: the file cannot be written.
        """
        values = rows.detach().float().cpu().numpy().astype("<f4")
        pairs = [(_digest(k), row.tobytes()) for k, row in zip(keys, values, strict=True)]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", pairs)
        except (OSError, sqlite3.OperationalError) as error:
            raise InputError(
                f"{self.file}: features cannot be kept there ({error}); "
                "set GLASSKIT_CACHE to a folder that can be written"
            ) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection to a file that is sound and has the table."""
        try:
            connection = self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            # It is only a cache: what was in it is computed again.
            logger.warning("%s is damaged (%s) and is begun anew", self.file, error)
            for name in (self.file, *self.file.parent.glob(f"{self.file.name}-*")):
                name.unlink(missing_ok=True)
            connection = self._connect()
        with closing(connection):
            yield connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=WAIT)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS rows (key BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID"
            )
            connection.execute("SELECT key FROM rows LIMIT 1").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _chunks(items: list[bytes]) -> Iterator[list[bytes]]:
    return (items[i : i + ASKED_AT_ONCE] for i in range(0, len(items), ASKED_AT_ONCE))
