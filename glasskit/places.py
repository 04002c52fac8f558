"""Where Glass Kit keeps what it can fetch or compute again, and how a file gets its place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glasskit.errors import InputError


def cache_folder(*parts: str) -> Path:
    """The cache folder of Glass Kit, or a folder in it; it may not exist yet.

    ``GLASSKIT_CACHE``, or ``glasskit`` under ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    chosen = os.environ.get("GLASSKIT_CACHE")
    if chosen:
        return Path(chosen, *parts)
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base if base else Path.home() / ".cache", "glasskit", *parts)


@contextmanager
def keeping_in(folder: Path) -> Iterator[None]:
    """Make a folder of the cache where it is missing; what then fails to be written is one line.

    Raises:
        InputError: the folder cannot be made, or something in it not written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"{folder}: nothing can be kept there ({error.strerror}); "
            "set GLASSKIT_CACHE to a folder that can be written"
        ) from error


def replace_file(scratch: Path, file: Path) -> None:
    """Flush a finished scratch file to the disk and give it its name in one step.

    A reader, another process or a machine that loses power sees the old file or the new one; the
    folder is flushed too, or the new name could be lost with the power.
    """
    with scratch.open("rb+") as handle:
        os.fsync(handle.fileno())
    scratch.replace(file)
    if os.name == "nt":
        return  # Windows opens no folders; its file system keeps a log of names
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
