"""Where files go: the cache folder, places tried before work, files written whole or not at all.

A place that cannot be written, a full disk included, is one InputError that names it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from safetensors import SafetensorError

from glasskit.errors import InputError

_UMASK = threading.Lock()
_SCRATCH = f".{{name}}.{platform.node()[:40]}-{{process}}-{{thread}}.part"


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
def writing(place: Path) -> Iterator[None]:
    """What fails to be written in this block is one line about ``place``.

    Raises:
        InputError: the system or safetensors could not write, or a text holds half a character.
    """
    try:
        yield
    except (OSError, SafetensorError, UnicodeEncodeError) as error:
        raise InputError(f"{place}: can't be written ({_reason(error)}){_hint(place)}") from error


@contextmanager
def keeping_in(folder: Path) -> Iterator[None]:
    """Make a folder of the cache where it is missing; what then fails to be written is one line.

    Raises:
        InputError: the folder cannot be made, or something in it not written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        yield


def check_folder(folder: str | Path) -> Path:
    """Try a folder that will be written to, before the work that leads to it.

    Nothing is made that stays: a folder that is missing is made when there is something to put in.
    What a process of this machine that has ended left half written in it is removed.

    Returns:
        The folder, with ``~`` at its beginning as the user's own.

    Raises:
        InputError: it is a file, or lies where nothing can be made.
    """
    folder = _named(folder)
    with writing(folder):
        _try_to_make_in(_nearest(folder))
        _remove_left(folder)
    return folder


def check_file(file: str | Path) -> Path:
    """Try a file that will be written, before the work that leads to it; as ``check_folder``.

    Raises:
        InputError: it is a folder, or lies where no file can be made.
    """
    file = _named(file)
    with writing(file):
        if file.is_dir():
            raise InputError(f"{file}: is a folder; give the name of a file")
        if file.exists() and not file.is_file():
            if not os.access(file, os.W_OK):  # a device or a pipe
                raise PermissionError(0, "it is read-only")
        else:
            there = _nearest(file.resolve())
            _try_to_make_in(there.parent if there == file.resolve() else there)
    return file


@contextmanager
def atomic_write(file: str | Path) -> Iterator[Path]:
    """Give the block a hidden scratch file to write, which then becomes ``file`` in one step.

    Missing folders are made. Where the block or the disk fails, the old file stays as it is and
    nothing else is left. A device or a pipe is written as it is; a link stays a link.

    Raises:
        InputError: the file can't be written, such as on a full disk.
    """
    file = Path(file)
    with writing(file):
        if file.exists() and not file.is_file():
            yield file
            return
        target = file.resolve() if file.is_symlink() else file
        scratch = scratch_of(target)
        with made_folder(target.parent):
            try:
                yield scratch
                replace_file(scratch, target)
            finally:
                scratch.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | Path) -> Iterator[Path]:
    """Give the block a hidden scratch folder; its files then take their places in ``folder``.

    Raises:
        InputError: the folder can't be written; nothing of it has changed then.
    """
    folder = Path(folder)
    scratch = scratch_of(folder / "folder")
    with writing(folder), made_folder(folder):
        try:
            scratch.mkdir()
            yield scratch
            for file in sorted(scratch.iterdir()):
                replace_file(file, folder / file.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; those that were missing go again where the block fails."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):  # one of them holds something by now
            for place in missing:
                place.rmdir()
        raise


def write_text(file: str | Path, text: str) -> None:
    """Write a UTF-8 text, whole or not at all; InputError as ``atomic_write``."""
    with atomic_write(file) as scratch:
        scratch.write_text(text, encoding="utf-8")


def scratch_of(file: Path) -> Path:
    """The hidden name beside ``file`` under which this thread of this process writes it."""
    ids = {"process": os.getpid(), "thread": threading.get_ident()}
    return file.with_name(_SCRATCH.format(name=file.name[:40], **ids))


def replace_file(scratch: Path, file: Path) -> None:
    """Flush a finished scratch file to the disk and give it its name in one step.

    A reader, another process or a machine that loses power sees the old file or the new one; the
    folder is flushed too, or the new name could be lost with the power. The file gets the mode that
    any new file has: safetensors would leave it to its owner alone.
    """
    with scratch.open("rb+") as handle:
        os.fsync(handle.fileno())
    scratch.chmod(0o666 & ~_umask())
    scratch.replace(file)
    if os.name == "nt":
        return  # Windows opens no folders; its file system keeps a log of names
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _umask() -> int:
    with _UMASK:  # it can only be read by setting it, which two threads must not do at once
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def _named(place: str | Path) -> Path:
    """The path, the user's own folder for ``~``; InputError where no name was given."""
    text = os.fspath(place)
    if not text.strip():
        raise InputError("the name of the place to write to is empty; give one")
    return Path(os.path.expanduser(text))  # noqa: PTH111  # no error for a folder called ~x


def _nearest(place: Path) -> Path:
    """The place itself, or the nearest one above it that is there."""
    while True:
        try:
            os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            place = place.parent
        else:
            return place


def _try_to_make_in(folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(0, f"{folder} is no folder")
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part") as file:
        file.write(b"0")


def _remove_left(folder: Path) -> None:
    """Remove scratch files and folders in ``folder`` of processes that have ended."""
    mine = re.compile(re.escape(f".{platform.node()[:40]}-") + r"(\d+)-\d+\.part$")
    for left in folder.glob(".*.part"):
        found = mine.search(left.name)
        if found and not psutil.pid_exists(int(found[1])):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """What the system says, without the number and the path that its error adds."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return re.sub(r"^.*I/O error: | \(os error \d+\).*$", "", text)


def _hint(place: Path) -> str:
    if place.absolute().is_relative_to(cache_folder().absolute()):
        return "; set GLASSKIT_CACHE to a folder that can be written"
    return ""
