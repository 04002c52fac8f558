"""Small copies of pictures, for the map and what stands beside it."""

from __future__ import annotations

from PIL import Image, ImageOps

from glasskit.data.grouped import GroupedDataset

SMALL = 96
"""Pixels of a side on the map, cut square: sharp up to 48 px on a screen of double density."""

LARGE = 480
"""Longest side in pixels of the others."""


def thumbnail(dataset: GroupedDataset, index: int, *, small: bool) -> Image.Image:
    """One picture ``SMALL`` and square, or at most ``LARGE`` pixels a side and never made larger.

    Raises:
        InputError: the picture is missing or broken.
    """
    if small:
        picture = dataset.image(index, SMALL)
        return ImageOps.fit(picture, (SMALL, SMALL), Image.Resampling.LANCZOS)
    picture = dataset.image(index, LARGE).copy()
    picture.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    return picture
