"""Small copies of pictures on disk, drawn when a page first asks for them and kept."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from glasskit.data.grouped import GroupedDataset
from glasskit.io.places import atomic_write
from glasskit.plots.thumbnails import thumbnail


def pictures_url(name: str) -> str:
    """The address, relative to the page, below which the pictures of a data set lie."""
    return f"kit/pictures/{quote(name, safe='')}/"


def thumbnail_file(
    folder: Path, dataset: GroupedDataset, index: int, *, small: bool = False
) -> Path:
    """The file of one picture in the folder of its data set, drawn where it is not there.

    Raises:
        InputError: the picture is missing or broken, or the cache folder can't be written.
    """
    file = folder / f"{index}{'-small' if small else ''}.webp"
    if not file.is_file():
        picture = thumbnail(dataset, index, small=small)
        with atomic_write(file) as scratch:
            picture.save(scratch, "webp", quality=86, method=2)
    return file
