"""Reading a picture file: a real picture, or an error that names the file. Never a blank one."""

from __future__ import annotations

import base64
import io
import math
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin

from glasskit.errors import BrokenPicturesError, PictureError
from glasskit.io.colours import as_rgb, no_range
from glasskit.io.text_files import printable

__all__ = ["BrokenPicturesError", "PictureError", "as_rgb", "printable"]

MAX_PIXELS = 128_000_000
"""Largest picture that is decoded, in pixels (384 MB as RGB). A JPEG may have twice as many, of
which it is decoded at a half or less."""

MAX_RATIO = 2500
"""Of the longer side to the shorter: towers enlarge the shorter one to 224 pixels, and the picture
would have more than ``MAX_PIXELS`` then."""

MAX_SCANS = 100
"""Passes over its pixels that a progressive JPEG may need; encoders write about 10."""

DEFLATE = 1032
"""Bytes that one byte of a PNG becomes at most."""

PNG_CHANNELS = {2: 3, 4: 2, 6: 4}
"""Numbers of a pixel by the colour type of a PNG, where there is more than one."""

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *(".jfif", ".jpe"),
)
"""Endings of the files that are taken for pictures; their content says which format they have."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are read, by Pillow's names."""

WEB_FORMATS = ("JPEG", "PNG", "WEBP")
"""Formats that the app takes from its visitors."""

MARGIN = 4
"""A JPEG is decoded at a half, a quarter or an eighth only where that leaves so many times the
pixels a side that a model takes. At 224 pixels a shorter side below 1792 is read in full and gives
the same vector as ever, bit for bit. Larger ones, lite0-minilm, cosine to a full decoding: above
0.9997 on mosaics of photographs (0.997 with 2 in the place of 4, 0.96 with 1); 0.996 on noise."""

MOST_MISSING = 0.02
"""Share of a picture that may be missing at its end: viewers show a file without its last bytes."""

DECODER = 2
"""Raised when some file gives other pixels than before: cached features are keyed by it."""

_NO_PICTURE = {
    rb"$": "it is empty",
    rb"\0+$": "it begins with zeros only",
    rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html|<head)": "it is an HTML page",
    rb"(\xef\xbb\xbf)?\s*(?i:<svg|<\?xml)": "it is XML or SVG",
    rb"version https://git-lfs": "it is a Git LFS pointer; fetch the file with git lfs pull",
    rb"\0\x05\x16\x07": "it is a side file of macOS (AppleDouble)",
    rb"....ftyp(?!.*avi[fs])(hei|hev|mif1|msf1)": "it is HEIC; save it as JPEG or PNG",
    rb"....ftyp(?!.*avi[fs])": "it is a film (MP4)",
    rb"\xff\x0a|\0\0\0\x0cJXL": "it is JPEG XL; save it as JPEG or PNG",
    rb"\0\0\0\x0cjP|\xff\x4f\xff\x51": "it is JPEG 2000; save it as JPEG or PNG",
    rb"%PDF": "it is a PDF",
    rb"8BPS": "it is a Photoshop file; save it as JPEG or PNG",
}
"""How a file begins that people take for a picture, and what it is instead."""

_text_limit = threading.Lock()
T = TypeVar("T")


def picture_kind(start: bytes) -> str:
    """One of ``FORMATS`` by how a file begins, or the reason why it is none of them."""
    for begin, reason in _NO_PICTURE.items():
        if re.match(begin, start, re.DOTALL):
            return reason
    Image.init()
    for kind in FORMATS:
        _, accepts = Image.OPEN[kind]
        if accepts is not None and accepts(start[:16]) is True:
            return kind
    return "its content is none that is known"


def ask_each(rows: Sequence[int], ask: Callable[[int], T]) -> list[T]:
    """What ``ask`` says of each picture, such as its fingerprint.

    Raises:
        BrokenPicturesError: it raised a PictureError for some; one line lists them.
    """
    answers: list[T] = []
    broken: dict[int, PictureError] = {}
    for row in rows:
        try:
            answers.append(ask(row))
        except PictureError as error:
            broken[row] = error
    if broken:
        raise BrokenPicturesError(len(rows), broken)
    return answers


def open_image(path: str | Path, side: int = 0) -> Image.Image:
    """Decode one picture file to RGB in sRGB, upright, with white behind what is transparent.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file, whatever its ending; of several frames
            the first.
        side: pixels of a side that are needed; a JPEG with at least ``2 * MARGIN * side`` is then
            decoded smaller, which is several times faster. 0: always in full.

    Raises:
        InputError: the file is missing, is no such picture, is cut off, or has more than
            ``MAX_PIXELS`` pixels.
    """
    with _opened(path) as file:
        return _decode(file, printable(path), side)


def decode_image(
    data: bytes,
    name: str = "the picture",
    side: int = 0,
    formats: Collection[str] = FORMATS,
    most: int = MAX_PIXELS,
) -> Image.Image:
    """Decode the bytes of one picture to RGB; ``name`` stands in the error.

    Raises:
        InputError: as ``open_image``, with ``most`` in place of ``MAX_PIXELS``, or the format is
            not one of ``formats``.
    """
    kind = picture_kind(data[:256])
    if kind in FORMATS and kind not in formats:
        raise PictureError(
            f"{printable(name)}: not a readable picture (it is {kind}; give a JPEG, PNG or WebP)"
        )
    return _decode(io.BytesIO(data), printable(name), side, most)


def check_image(path: str | Path) -> None:
    """Look whether a file is a picture by its first and last bytes, in a fraction of the time.

    Raises:
        InputError: as ``open_image``; damage between begin and end is found only there.
    """
    name = printable(path)
    with _opened(path) as file:
        with _explained(name):
            picture = _with_long_texts(lambda: _header(file, name))
        if picture.mode == "F":
            raise no_range(name)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        tail = file.read()
    end = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}.get(str(picture.format), b"")
    if end not in tail:
        open_image(path, 1)


def data_url(picture: Image.Image, form: str = "WEBP", quality: int = 80) -> str:
    """A picture as an address that holds it, for a page that needs no other file.

    Args:
        picture: written as it is, so make it small first.
        form: "WEBP" or "JPEG".
        quality: of the compression, up to 100.
    """
    file = io.BytesIO()
    picture.save(file, form, quality=quality)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    name = printable(path)
    try:
        mode = Path(path).stat().st_mode
        file = Path(path).open("rb") if stat.S_ISREG(mode) else None  # noqa: SIM115
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise PictureError(f"{name}: there is no such picture") from None
    except OSError as error:
        raise PictureError(f"{name}: cannot be read ({error.strerror})") from error
    if file is None:
        is_folder = stat.S_ISDIR(mode)
        why = "is a folder; give a picture file" if is_folder else "there is no such picture"
        raise PictureError(f"{name}: {why}")
    with file:
        yield file


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What Pillow raises on a damaged file, as a line."""
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:  # of a frame; the whole is measured before
        raise PictureError(f"{name}: more pixels than the limit of {MAX_PIXELS:,}") from error
    except (OSError, SyntaxError, ValueError, RuntimeError, EOFError, IndexError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PictureError(f"{name}: not a readable picture (damaged: {reason})") from error


def _decode(file: BinaryIO, name: str, side: int, most: int = MAX_PIXELS) -> Image.Image:
    with _explained(name):
        picture = _with_long_texts(lambda: _loaded(file, name, side, most))
        done = as_rgb(picture, name)
        done.info = {}  # profile and orientation have been followed
        return done


def _header(
    file: BinaryIO, name: str, side: int = 0, most: int = MAX_PIXELS
) -> ImageFile.ImageFile:
    """The picture before a pixel is decoded; a bomb is refused here."""
    file.seek(0)
    kind = picture_kind(file.read(256))
    if kind not in FORMATS:
        raise PictureError(f"{name}: not a readable picture ({kind})")
    _refuse_zeros(file, kind, name)
    file.seek(0)
    # The reader itself: Image.open would refuse by limits of the whole process.
    reader, _ = Image.OPEN[kind]
    picture = reader(file, "")
    size = picture.size
    if kind == "JPEG":
        width, height = (side * MARGIN, side * MARGIN) if side else size
        if math.prod(size) > most:
            width, height = min(width, size[0] // 2), min(height, size[1] // 2)
        if math.prod(size) <= 2 * most:
            picture.draft(None, (width, height))
    if math.prod(picture.size) > most:
        raise PictureError(
            f"{name}: {size[0]} x {size[1]} pixels is more than the limit of {most:,}; "
            "make it smaller"
        )
    if max(size) > MAX_RATIO * min(size):
        raise PictureError(
            f"{name}: {size[0]} x {size[1]} pixels: one side is more than {MAX_RATIO:,} times the "
            "other; cut it"
        )
    if kind == "PNG" or "progressive" in picture.info:
        _refuse_promises(file, kind, size, name)
    return picture


def _refuse_promises(file: BinaryIO, kind: str, size: tuple[int, int], name: str) -> None:
    """Refuse a small file that would take seconds to decode, before a pixel is.

    A PNG that is too short for its pixels, however alike they are (decoders take rows that do not
    come for black ones), and a JPEG that draws them over and over.
    """
    at = file.tell()
    if kind == "PNG":
        file.seek(24)
        depth, colours = file.read(2)
        whole = math.prod(size) * depth * PNG_CHANNELS.get(colours, 1) / 8  # bytes
        if DEFLATE * file.seek(0, os.SEEK_END) < (1 - MOST_MISSING) * whole:
            raise PictureError(f"{name}: not a readable picture (cut off; get the whole file)")
    elif kind == "JPEG":
        file.seek(0)
        scans = file.read().count(b"\xff\xda")
        if scans > MAX_SCANS:
            raise PictureError(
                f"{name}: not a readable picture (a JPEG of {scans:,} scans; save it again)"
            )
    file.seek(at)


def _refuse_zeros(file: BinaryIO, kind: str, name: str) -> None:
    """Refuse a file whose end is zeros, as a download leaves it that stopped in its middle.

    Decoders of these formats take zeros for pixels, so that nothing else would tell.
    """
    if kind not in ("JPEG", "WEBP", "AVIF"):
        return
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 256))
    if any(file.read()):
        return
    file.seek(0)
    data = file.read().rstrip(b"\0")
    if len(data) < (1 - MOST_MISSING) * size and not data.endswith(b"\xff\xd9"):
        raise PictureError(
            f"{name}: not a readable picture (nothing but zeros after byte {len(data):,} of "
            f"{size:,}; get the whole file)"
        )


def _loaded(file: BinaryIO, name: str, side: int, most: int) -> Image.Image:
    """The decoded picture; one that misses its last bytes is shown, as viewers do.

    Raises:
        PictureError: more than ``MOST_MISSING`` of it is missing.
    """
    picture = _header(file, name, side, most)
    _scale_transparency(picture)
    try:
        picture.load()
    except OSError as error:
        clear = picture.format == "GIF" and "transparency" in picture.info
        if "truncated" not in str(error) or clear:  # what is clear and what is missing look alike
            raise
        picture.tile = []  # nothing more is to come
        if isinstance(picture, JpegImagePlugin.JpegImageFile):
            picture, missing = _with_end(file, name, side)
        else:
            missing = _not_drawn(picture, file, name)
    else:
        width, height = picture.size
        last_row = picture.crop((0, height - 1, width, height))
        # A PNG or GIF may end in good order before all its rows have come: they stay 0.
        if picture.format not in ("PNG", "GIF") or np.asarray(last_row).any():
            return picture
        missing = _not_drawn(picture, file, name)
    if missing > MOST_MISSING:
        share = f"cut off: {100 * (1 - missing):.0f}% of it is there"
        raise PictureError(f"{name}: not a readable picture ({share}; get the whole file)")
    return picture


def _with_end(file: BinaryIO, name: str, side: int) -> tuple[ImageFile.ImageFile, float]:
    """A JPEG that lacks its end mark, decoded with one, and the share of it that is missing."""
    file.seek(0)
    data = file.read().rstrip(b"\0") + b"\xff\xd9"
    picture = _header(io.BytesIO(data), name, side)
    if "progressive" in picture.info or picture.mode not in ("L", "RGB"):
        # How much is there is not known: details are missing everywhere, or the grey is another.
        raise PictureError(f"{name}: not a readable picture (cut off; get the whole file)")
    picture.load()
    # libjpeg draws what it does not find in a grey of 128: at the right end of the last rows.
    pixels = np.asarray(picture)
    grey = (pixels == 128).reshape(*pixels.shape[:2], -1).all(-1)  # (H, W)
    ends = np.logical_and.accumulate(grey[:, ::-1], axis=1)[:, ::-1]
    last_rows = np.logical_and.accumulate(ends[::-1, -1])[::-1]
    return picture, float((ends & last_rows[:, None]).mean())


def _not_drawn(picture: ImageFile.ImageFile, file: BinaryIO, name: str) -> float:
    """The share of a picture where another background shows through: nothing was drawn there."""
    other = _header(file, name)
    other.im = Image.new(other.mode, other.size, 255).im
    with suppress(OSError):
        other.load()
    other.tile = []
    differ = np.asarray(picture) != np.asarray(other)
    return float(differ.mean() if differ.ndim == 2 else differ.any(-1).mean())


def _scale_transparency(picture: ImageFile.ImageFile) -> None:
    """The transparent colour of a PNG in the 8 bits that Pillow makes of its 2, 4 or 16."""
    clear = picture.info.get("transparency")
    depth = picture.tile[0].args if picture.format == "PNG" and picture.tile else None
    if clear is not None and depth in ("L;2", "L;4"):
        picture.info["transparency"] = clear * (85 if depth == "L;2" else 17)
    elif isinstance(clear, tuple) and depth == "RGB;16B":
        picture.info["transparency"] = tuple(value >> 8 for value in clear)


def _with_long_texts(read: Callable[[], T]) -> T:
    """Read a picture, at a second try with texts and profiles in a PNG of up to 64 MB."""
    try:
        return read()
    except ValueError as error:
        if isinstance(error, PictureError) or "too large" not in str(error):
            raise
    with _text_limit:  # Pillow has one for the whole process
        before = PngImagePlugin.MAX_TEXT_CHUNK
        PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
        try:
            return read()
        finally:
            PngImagePlugin.MAX_TEXT_CHUNK = before
