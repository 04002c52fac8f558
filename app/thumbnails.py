"""Small copies of pictures, drawn when a page first asks for them and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageOps

from glasskit.data.grouped import GroupedDataset
from glasskit.io.places import atomic_write

SMALL = 96
"""Pixels of a side on the map, cut square: sharp up to 48 px on a screen of double density."""

LARGE = 480
"""Longest side in pixels of the others."""


def pictures_url(name: str) -> str:
    """The address, relative to the page, below which the pictures of a data set lie."""
    return f"kit/pictures/{quote(name, safe='')}/"


@dataclass(frozen=True)
class Thumbnails:
    """Where the small copies of one data set lie.

    Attributes:
        folder: holds ``{index}.webp`` and ``{index}-small.webp`` of those that were shown.
    """

    folder: Path

    def draw(self, dataset: GroupedDataset, index: int, *, small: bool = False) -> Path:
        """The file of one picture, drawn where it is not there: at most ``LARGE`` pixels a side,
        or ``SMALL`` and square.

        Raises:
            InputError: the picture is missing or broken, or the cache folder can't be written.
        """
        file = self.folder / f"{index}{'-small' if small else ''}.webp"
        if file.is_file():
            return file
        if small:
            fill = Image.Resampling.LANCZOS
            picture = ImageOps.fit(dataset.image(index, SMALL), (SMALL, SMALL), fill)
        else:
            picture = dataset.image(index, LARGE).copy()
            picture.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)  # never made larger
        with atomic_write(file) as scratch:
            picture.save(scratch, "webp", quality=86, method=2)
        return file
