"""Arrays that are costly to compute, kept on disk under the hash of what they were computed from.

A result is written under a scratch name and renamed, so that a reader sees all of it or nothing; a
file that can't be read counts as not there. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.io.places import atomic_write, cache_folder

Arrays = dict[str, np.ndarray]


def content_key(*parts: object) -> str:
    """A hexadecimal name for these contents: arrays by their bytes, all else by its ``repr``."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\x00")
    return digest.hexdigest()[:32]


def read_arrays(path: Path) -> Arrays | None:
    """The arrays of a file, or None where it is missing, cut off or not ours."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays so that a reader never sees half of them."""
    with atomic_write(path) as scratch, scratch.open("wb") as file:
        np.savez(file, **arrays)


def cached_arrays(folder: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
    """What the cache has under ``key`` in a folder, computed and stored first where it is not."""
    path = cache_folder(folder) / f"{key}.npz"
    stored = read_arrays(path)
    if stored is None:
        stored = compute()
        write_arrays(path, stored)
    return stored
