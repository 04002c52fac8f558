"""Where the pictures of a data set come from: real ones only, or an error that names the file."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Protocol, runtime_checkable

from PIL import Image

from glasskit.errors import InputError
from glasskit.pictures import EXTENSIONS, open_image


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


def coco_id(key: str) -> str | None:
    """The COCO id that a key stands for, without leading zeros; None where it is none."""
    return str(int(key)) if key.isascii() and key.isdigit() and len(key) <= 12 else None


class FolderImages:
    """Pictures in a folder, found by file name, or by COCO id.

    The key 785 finds ``000000000785.jpg`` or ``COCO_val2014_000000000785.jpg`` (or
    train2014); any other key is a file name with or without its extension.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder of pictures; give it with --images")

    def path(self, key: str) -> Path:
        """The file of a key; raises InputError where there is none."""
        try:
            for name in self._names(key):
                path = self.folder / name
                if path.is_file():
                    return path
        except OSError as error:  # a name that the file system refuses, such as one too long
            raise InputError(f"record {key[:80]!r}: no file name ({error.strerror})") from error
        raise InputError(f"{self.folder}: no picture for record {key!r}; is it the right folder?")

    def open(self, key: str, side: int = 0) -> Image.Image:
        return open_image(self.path(key), side)

    def read(self, key: str) -> tuple[bytes, str]:
        path = self.path(key)
        return path.read_bytes(), path.suffix.lower().lstrip(".")

    def size(self, key: str) -> int:
        return self.path(key).stat().st_size

    def fingerprint(self, key: str) -> str:
        path = self.path(key)
        stat = path.stat()
        return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"

    @staticmethod
    def _names(key: str) -> list[str]:
        # By the rules of Windows, which know both slashes and drives: a data set travels.
        path = PureWindowsPath(key)
        if path.anchor or ".." in path.parts:
            raise InputError(f"record {key!r}: a picture's name must stay inside its folder")
        names = [key] if Path(key).suffix else []
        number = coco_id(key)
        if number is not None:
            padded = f"{int(number):012d}.jpg"
            names += [padded, f"COCO_val2014_{padded}", f"COCO_train2014_{padded}"]
        return names + [key + extension for extension in EXTENSIONS]


class MissingImages:
    """Stands in where no folder of pictures was given: every access says what to do."""

    def __init__(self, hint: str) -> None:
        self.hint = hint

    def open(self, key: str) -> Image.Image:
        raise InputError(f"picture {key!r} is not here: {self.hint}")

    def fingerprint(self, key: str) -> str:
        raise InputError(f"picture {key!r} is not here: {self.hint}")
