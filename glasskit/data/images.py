"""Where the pictures of a data set come from: real ones only, or an error that names the file."""

from __future__ import annotations

import math
import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
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
from glasskit.io.text_files import counted

_NUMBER = re.compile(r"(?:coco_(?:train|val|test)\d{4}_)?(\d{1,12})", re.ASCII)
_SYSTEM = frozenset(["__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"])
"""Files and folders of operating systems and disk stations, beside those that begin with a dot."""

RESCAN = 1.0
"""Seconds after which a folder is read again for a name that is not found in it."""


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

    def read(self, key: str, last: int | None = None) -> bytes:
        """The bytes of the file, or so many of its last ones."""
        ...

    def size(self, key: str) -> int:
        """How many bytes the file has."""
        ...

    def differ(self, key: str, other: str) -> bool:
        """Whether two keys are known to be two files."""
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
        left_out: what is neither -> how many: hidden files and folders, broken links, ...
    """

    pictures: tuple[str, ...]
    others: tuple[str, ...]
    left_out: Mapping[str, int]

    def rest(self, used: Collection[str] = ()) -> str:
        """What is left out, such as "5 files left out (.heic 3, .mp4 2), 1 broken link", or ""."""
        endings = Counter(
            Path(name).suffix.lower() or "no ending"
            for name in self.others
            if Path(name).suffix.lower() not in used
        )
        kinds = ", ".join(f"{printable(end)} {count}" for end, count in endings.most_common(10))
        parts = [f"{counted(endings.total(), 'file')} left out ({kinds})"] if endings else []
        rest = [counted(count, what) for what, count in self.left_out.items()]
        if rest and not parts:
            rest[-1] += " left out"
        return ", ".join(parts + rest)


def scan_folder(folder: Path) -> FolderScan:
    """What lies in a folder and in the folders below it; a folder is entered once, links or not."""
    pictures: list[str] = []
    others: list[str] = []
    left_out: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()

    def unreadable(_: OSError) -> None:
        left_out["unreadable folder"] += 1

    for inside, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        place = Path(inside).stat()
        if (place.st_dev, place.st_ino) in seen:
            left_out["second link to a folder"] += 1
            folders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        left_out["hidden file"] += sum(map(_is_hidden, folders + names))
        folders[:] = [name for name in folders if not _is_hidden(name)]
        within = Path(inside).relative_to(folder).as_posix()
        prefix = "" if within == "." else f"{within}/"
        for name in names:
            path = Path(inside, name)
            if _is_hidden(name):
                continue
            if path.is_file():
                is_picture = name.rstrip().lower().endswith(EXTENSIONS)
                (pictures if is_picture else others).append(prefix + name)
            else:
                left_out["special file" if path.exists() else "broken link"] += 1
    for found in (pictures, others):
        found.sort(key=lambda name: name.split("/"))
    return FolderScan(tuple(pictures), tuple(others), dict(sorted((+left_out).items())))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _SYSTEM


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
        self._names: dict[str, list[str]] = {}
        self._scanned = -math.inf

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
        found = self._find(key)
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

    def read(self, key: str, last: int | None = None) -> bytes:
        with self.path(key).open("rb") as file:
            if last is not None:
                file.seek(max(0, file.seek(0, os.SEEK_END) - last))
            return file.read()

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

    def _find(self, key: str) -> list[str]:
        """The files that a key may mean; the folder is read again where there is none any more."""
        found = self._known(key)
        if not found and time.monotonic() - self._scanned >= RESCAN:
            self._names, self._scanned = self._scan(), time.monotonic()
            found = self._known(key)
        as_written = [name for name in found if name.startswith(f"{key}.")]
        return as_written if len(as_written) == 1 else found

    def _known(self, key: str) -> list[str]:
        named = self._names.get(_joined(*picture_name(key)), [])
        return [name for name in named if (self.folder / name).is_file()]

    def _scan(self) -> dict[str, list[str]]:
        """Files by what their name is however it is written, with its ending and without."""
        names: dict[str, list[str]] = {}
        for name in scan_folder(self.folder).pictures:
            stem, ending = picture_name(name)
            for known in (stem, _joined(stem, ending)):
                names.setdefault(known, []).append(name)
        return names


def _joined(stem: str, ending: str) -> str:
    return f"{stem}.{ending}" if ending else stem


def same_files(images: ImageSource, keys: Sequence[str]) -> list[list[int]]:
    """Rows of the keys whose files have the same bytes, one list for each file that comes twice.

    Only files of equal size are opened, and of these only the ends unless they are equal. Drawn
    pictures and files that are not here are like no other.
    """
    if not isinstance(images, FileSource):
        return []

    def end(key: str) -> bytes:
        return images.read(key, 4096)

    def whole(key: str) -> bytes:
        return sha256(images.read(key)).digest()

    alike = [list(range(len(keys)))]
    for mark in (images.size, end, whole):
        parts: list[list[int]] = []
        for rows in alike:
            found: dict[int | bytes, list[int]] = {}
            for row in rows:
                with suppress(InputError, OSError):
                    found.setdefault(mark(keys[row]), []).append(row)
            parts += [part for part in found.values() if len(part) > 1]
        alike = parts
    return alike


def file_fingerprint(path: Path) -> str:
    """A text that changes when a picture file does, or what its pixels are read as."""
    return f"{file_identity(path)}:{DECODER}"


def file_identity(path: Path) -> str:
    """A text that changes when a file does: its place, size and time."""
    stat = path.stat()
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"


class MissingImages:
    """Stands in where no folder of pictures was given: every access says what to do."""

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def open(self, key: str) -> Image.Image:
        raise InputError(f"picture {key!r} is not here: {self.hint}")

    def fingerprint(self, key: str) -> str:
        raise InputError(f"picture {key!r} is not here: {self.hint}")
