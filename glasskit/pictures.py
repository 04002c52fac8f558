"""Reading a picture file: a real picture, or an error that names the file. Never a blank one."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

from glasskit.errors import InputError

MAX_PIXELS = 50_000_000
"""Largest picture that is decoded, in pixels (150 MB as RGB)."""

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp")
"""Endings of the files that are taken for pictures."""

MARGIN = 4
"""A JPEG is decoded at a half, a quarter or an eighth only where that leaves so many times the
pixels a side that a model takes. At 224 pixels a shorter side below 1792 is read in full and gives
the same vector as ever, bit for bit. Larger ones, lite0-minilm, cosine to a full decoding: above
0.9997 on mosaics of photographs (0.997 with 2 in the place of 4, 0.96 with 1); 0.996 on noise."""


def open_image(path: str | Path, side: int = 0) -> Image.Image:
    """Decode one picture file to RGB, upright, with white behind what is transparent.

    Args:
        path: a JPEG, PNG or WebP file, whatever its ending.
        side: pixels of a side that are needed; a JPEG with at least ``2 * MARGIN * side`` is then
            decoded smaller, which is several times faster. 0: always in full.

    Raises:
        InputError: the file is missing, is no such picture, is cut off, or has more than
            ``MAX_PIXELS`` pixels.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such picture")
    with path.open("rb") as file:
        return _decode(file, str(path), side)


def decode_image(data: bytes, name: str = "the picture", side: int = 0) -> Image.Image:
    """Decode the bytes of one picture to RGB; ``name`` stands in the error.

    Raises:
        InputError: as ``open_image``.
    """
    return _decode(io.BytesIO(data), name, side)


def _decode(file: BinaryIO, name: str, side: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures after our own limit has refused them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=("JPEG", "PNG", "WEBP")) as picture:
                # The size stands in the header: a bomb is refused before a pixel is decoded.
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"{name}: {width} x {height} pixels is more than the limit of "
                        f"{MAX_PIXELS:,}; make it smaller"
                    )
                if side:  # a picture that is no JPEG takes no notice
                    picture.draft(None, (MARGIN * side, MARGIN * side))
                # A camera held upright says so beside the pixels; what is clear lies on white.
                ImageOps.exif_transpose(picture, in_place=True)
                if not picture.has_transparency_data:
                    picture.load()
                    # A conversion to what it is already would be a copy, a tenth of the time.
                    return picture if picture.mode == "RGB" else picture.convert("RGB")
                clear = picture.convert("RGBA")
                white = Image.new("RGBA", clear.size, "white")
                return Image.alpha_composite(white, clear).convert("RGB")
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}: not a readable JPEG, PNG or WebP picture") from error
