"""Where the pictures of a data set come from: real ones only, or an error that names the file."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Protocol, runtime_checkable

from PIL import Image

from glasskit.errors import InputError
from glasskit.io.pictures import (
    DECODER,
    EXTENSIONS,
    PictureError,
    check_image,
    open_image,
    printable,
)

_NUMBER = re.compile(r"(?:coco_(?:train|val|test)\d{4}_)?(\d{1,12})", re.ASCII)
_SYSTEM = frozenset(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"])
"""Files and folders of operating systems and disk stations, beside those that begin with a dot."""


class ImageSource(Protocol):
    """Pictures by record key, whether drawn or read from files."""

    def open(self, key: str) -> Image.Image:
        """The picture as RGB; raises InputError where it is missing or broken."""
        ...

    def fingerprint(self, key: str) -> str:
        """A text that changes when the picture changes; caches are keyed by it."""
        ...


@runtime_checkable
class FileSource(ImageSource, Protocol):
    """Pictures that lie somewhere as files: their bytes are to be had, and a smaller decoding."""

    def open(self, key: str, side: int = 0) -> Image.Image:
        """As of ImageSource; a large JPEG smaller, where ``side`` pixels a side are needed."""
        ...

    def read(self, key: str) -> tuple[bytes, str]:
        """The bytes of the file, and its ending without the dot, such as ``jpg``."""
        ...

    def size(self, key: str) -> int:
        """How many bytes the file has."""
        ...


def picture_name(key: str) -> tuple[str, str]:
    """What a picture's name is however it is written, and its ending without the dot, or "".

    Case, Unicode form, blanks around names, ``./``, the slash of Windows, leading zeros and the
    beginning that COCO's files have make no difference.
    """
    name = printable(key.strip()).replace("\\", "/").casefold()
    if not name.isascii():
        name = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    parts = [part.strip() for part in name.split("/")]
    parts = [part for part in parts if part not in ("", ".")]
    last = parts.pop() if parts else ""
    stem, dot, ending = last.rpartition(".")
    if not dot or f".{ending}" not in EXTENSIONS:
        stem, ending = last, ""
    number = _NUMBER.fullmatch(stem)
    return "/".join([*parts, str(int(number[1])) if number else stem.strip()]), ending


@dataclass(frozen=True, slots=True)
class FolderScan:
    """The files below a folder, by their names in it.

    Attributes:
        pictures: files with the ending of a picture that is read, in order.
        others: the other files, in order.
        folders: that were entered.
        left_out: what is neither -> how many: hidden files and folders, broken links, ...
    """

    pictures: tuple[str, ...]
    others: tuple[str, ...]
    folders: tuple[Path, ...]
    left_out: Mapping[str, int]

    def rest(self, used: Collection[str] = ()) -> str:
        """What is left out, such as "5 files left out (.heic 3, .mp4 2), 1 broken link", or ""."""
        endings = Counter(
            Path(name).suffix.lower() or "no ending"
            for name in self.others
            if Path(name).suffix.lower() not in used
        )
        kinds = ", ".join(f"{printable(end)} {count}" for end, count in endings.most_common(10))
        parts = [f"{_count(endings.total(), 'file')} left out ({kinds})"] if endings else []
        rest = [_count(count, what) for what, count in self.left_out.items()]
        if rest and not parts:
            rest[-1] += " left out"
        return ", ".join(parts + rest)


def scan_folder(folder: Path) -> FolderScan:
    """What lies in a folder and in the folders below it; a folder is entered once, links or not."""
    files: list[str] = []
    folders: list[Path] = []
    left_out: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            place = (folder / inside).stat()
            if (place.st_dev, place.st_ino) in seen:
                left_out["second link to a folder"] += 1
                continue
            seen.add((place.st_dev, place.st_ino))
            folders.append(folder / inside)
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    name = f"{inside}/{entry.name}" if inside else entry.name
                    kind = _kind(entry)
                    if kind == "folder":
                        waiting.append(name)
                    elif kind == "file":
                        files.append(name)
                    else:
                        left_out[kind] += 1
        except OSError:
            left_out["unreadable folder"] += 1
    files.sort(key=lambda name: name.split("/"))
    pictures = tuple(name for name in files if name.rstrip().lower().endswith(EXTENSIONS))
    known = set(pictures)
    others = tuple(name for name in files if name not in known)
    return FolderScan(pictures, others, tuple(folders), dict(sorted(left_out.items())))


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.name.startswith(".") or entry.name.casefold() in _SYSTEM:
        return "hidden file"
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        entry.stat()
    except OSError:
        return "broken link"
    return "special file"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


class FolderImages:
    """Pictures in a folder, found by file name, or by COCO id.

    A key that is a file's name finds this file. Else it finds the one whose ``picture_name`` is the
    same, and whose ending is, where the key has one: 785 finds ``000000000785.jpg`` or
    ``COCO_val2014_000000000785.jpg``, and ``img_1`` finds ``IMG_1.JPG``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not str(folder).strip():  # a path would take it for the current folder
            raise InputError("the name of the folder of pictures is empty; give it with --images")
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder of pictures; give it with --images")
        self._index: _Index | None = None

    def path(self, key: str) -> Path:
        """The file of a key; raises PictureError where there is none, or more than one."""
        # By the rules of Windows, which know both slashes and drives: a data set travels.
        named = PureWindowsPath(key)
        if named.anchor or ".." in named.parts:
            raise PictureError(
                f"record {printable(key)!r}: a picture's name must stay inside its folder"
            )
        try:
            exact = self.folder / key
            if exact.is_file():
                return exact
        except OSError as error:  # a name that the file system refuses, such as one too long
            raise PictureError(
                f"record {printable(key)[:80]!r}: no file name ({error.strerror})"
            ) from error
        found = self._index.find(key) if self._index is not None else []
        if self._index is None or not (
            self._index.is_current() if not found else (self.folder / found[0]).is_file()
        ):
            self._index = _Index(self.folder)
            found = self._index.find(key)
        if not found:
            raise PictureError(
                f"{printable(self.folder)}: no picture for record {printable(key)!r}",
                "; is it the right folder?",
            )
        if len(found) > 1:
            names = ", ".join(printable(name) for name in found[:3])
            raise PictureError(
                f"{printable(self.folder)}: record {printable(key)!r} may be {len(found)} files "
                f"({names})",
                "; name one of them in full",
            )
        return self.folder / found[0]

    def open(self, key: str, side: int = 0) -> Image.Image:
        return open_image(self.path(key), side)

    def check(self, key: str) -> None:
        """Look whether the picture is there and readable, without decoding it."""
        check_image(self.path(key))

    def read(self, key: str) -> tuple[bytes, str]:
        path = self.path(key)
        return path.read_bytes(), path.suffix.lower().lstrip(".")

    def size(self, key: str) -> int:
        return self.path(key).stat().st_size

    def fingerprint(self, key: str) -> str:
        return file_fingerprint(self.path(key))

    def differ(self, key: str, other: str) -> bool:
        """Whether two keys are known to be two files."""
        try:
            return not self.path(key).samefile(self.path(other))
        except (OSError, PictureError):
            return False


class _Index:
    """Names of the pictures below a folder, by what is the same however they are written."""

    def __init__(self, folder: Path) -> None:
        self._began = time.time_ns()
        self._names: dict[str, list[str]] = {}
        found = scan_folder(folder)
        self._folders = found.folders
        self._times = self._changed()
        for name in found.pictures:
            self._names.setdefault(picture_name(name)[0], []).append(name)

    def find(self, key: str) -> list[str]:
        """The files that a key may mean: one, where it is written well."""
        stem, ending = picture_name(key)
        found = [
            name
            for name in self._names.get(stem, ())
            if not ending or picture_name(name)[1] == ending
        ]
        if not found:  # a name with a second ending: cat.png of cat.png.jpg
            found = self._names.get(f"{stem}.{ending}", [])
        as_written = [name for name in found if name.startswith(f"{key}.")]
        return as_written if len(as_written) == 1 else found

    def is_current(self) -> bool:
        """Whether no folder has changed since, as far as the clock of its file system can tell."""
        blind = 100_000_000  # nanoseconds before the reading in which a change may be overlooked
        times = self._changed()
        return times == self._times and max(times) < self._began - blind

    def _changed(self) -> list[int]:
        times = []
        for folder in self._folders:
            with suppress(OSError):
                times.append(folder.stat().st_mtime_ns)
        return times or [self._began]


def file_fingerprint(path: Path) -> str:
    """A text that changes when a picture file does, or what its pixels are read as."""
    stat = path.stat()
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{DECODER}"


class MissingImages:
    """Stands in where no folder of pictures was given: every access says what to do."""

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def open(self, key: str) -> Image.Image:
        raise InputError(f"picture {key!r} is not here: {self.hint}")

    def fingerprint(self, key: str) -> str:
        raise InputError(f"picture {key!r} is not here: {self.hint}")
