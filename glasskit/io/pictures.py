"""Reading a picture file: a real picture, or an error that names the file. Never a blank one."""

from __future__ import annotations

import io
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from glasskit.errors import InputError

MAX_PIXELS = 128_000_000
"""Largest picture that is decoded, in pixels (384 MB as RGB). A JPEG may have twice as many, of
which it is decoded at a half or less."""

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *(".jfif", ".jpe"),
)
"""Endings of the files that are taken for pictures; their content says which format they have."""

WEB_FORMATS = ("JPEG", "PNG", "WEBP")
"""Formats that are taken from strangers."""

MARGIN = 4
"""A JPEG is decoded at a half, a quarter or an eighth only where that leaves so many times the
pixels a side that a model takes. At 224 pixels a shorter side below 1792 is read in full and gives
the same vector as ever, bit for bit. Larger ones, lite0-minilm, cosine to a full decoding: above
0.9997 on mosaics of photographs (0.997 with 2 in the place of 4, 0.96 with 1); 0.996 on noise."""

MOST_MISSING = 0.02
"""Share of a picture that may be missing at its end: viewers show a file without its last bytes."""

MAX_PROFILE = 4_000_000
"""Bytes of a colour profile that is followed; those of printers have two million."""

DECODER = 2
"""Raised when some file gives other pixels than before: cached features are keyed by it."""

_READERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
FORMATS = tuple(_READERS)

_STARTS = {
    rb"\xff\xd8\xff": "JPEG",
    rb"\x89PNG\r\n\x1a\n": "PNG",
    rb"RIFF....WEBP": "WEBP",
    rb"GIF8[79]a": "GIF",
    rb"BM": "BMP",
    rb"II[*+]\0|MM\0[*+]": "TIFF",
    rb"....ftyp(avi[fs]|.*avif)": "AVIF",
    rb"$": "it is empty",
    rb"\0+$": "it begins with zeros only",
    rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html|<head)": "it is an HTML page",
    rb"(\xef\xbb\xbf)?\s*(?i:<svg|<\?xml)": "it is XML or SVG",
    rb"version https://git-lfs": "it is a Git LFS pointer; fetch the file with git lfs pull",
    rb"\0\x05\x16\x07": "it is a side file of macOS (AppleDouble)",
    rb"....ftyp(hei|hev|mif1|msf1)": "it is HEIC; save it as JPEG or PNG",
    rb"....ftyp": "it is a film (MP4)",
    rb"\xff\x0a|\0\0\0\x0cJXL": "it is JPEG XL; save it as JPEG or PNG",
    rb"\0\0\0\x0cjP|\xff\x4f\xff\x51": "it is JPEG 2000; save it as JPEG or PNG",
    rb"%PDF": "it is a PDF",
    rb"8BPS": "it is a Photoshop file; save it as JPEG or PNG",
}
"""How a file begins: a format that is read, or the reason why it is none."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of this EXIF orientation upright."""

_NO_TEXT = re.compile("[\x00-\x1f\x7f\udc80-\udcff]")
_text_limit = threading.Lock()
T = TypeVar("T")


class PictureError(InputError):
    """One picture that is missing or cannot be read; ``advice`` ends the line."""

    def __init__(self, line: str, advice: str = "") -> None:
        super().__init__(line + advice)
        self.brief = line


class BrokenPicturesError(InputError):
    """Pictures that are missing or cannot be read, in one line: the first ten and a count.

    Args:
        total: pictures that were looked at.
        rows: number of a picture -> what is wrong with it.
    """

    def __init__(self, total: int, rows: Mapping[int, PictureError]) -> None:
        self.rows = dict(sorted(rows.items()))
        errors = list(self.rows.values())
        line = str(errors[0])
        if len(errors) > 1:
            more = f"; and {len(errors) - 10} more" if len(errors) > 10 else ""
            told, before = [], ""
            for error in errors[:10]:
                place, _, why = error.brief.partition(": ")  # a folder is named once
                told.append(why if place == before else error.brief)
                before = place
            line = f"{len(errors)} of {total} pictures cannot be used: {'; '.join(told)}{more}"
        super().__init__(line)


def picture_kind(start: bytes) -> str:
    """One of ``FORMATS`` by how a file begins, or the reason why it is none of them."""
    for begin, kind in _STARTS.items():
        if re.match(begin, start, re.DOTALL):
            return kind
    return "its content is none that is known"


def ask_each(rows: Sequence[int], ask: Callable[[int], T]) -> list[T]:
    """What ``ask`` says of each picture, such as its fingerprint.

    Raises:
        BrokenPicturesError: it raised a PictureError of some, which are told together.
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


def printable(name: str | os.PathLike[str]) -> str:
    """A file's name as one line of UTF-8: line ends and bytes that are none as ``%0A``, ``%E9``."""
    return _NO_TEXT.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", os.fspath(name))


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
        return _decode(file, printable(path), side, FORMATS)


def decode_image(
    data: bytes, name: str = "the picture", side: int = 0, formats: Collection[str] = FORMATS
) -> Image.Image:
    """Decode the bytes of one picture to RGB; ``name`` stands in the error.

    Raises:
        InputError: as ``open_image``, or the format is not one of ``formats``.
    """
    return _decode(io.BytesIO(data), printable(name), side, formats)


def check_image(path: str | Path) -> None:
    """Look whether a file is a picture by its first and last bytes, in a fraction of the time.

    Raises:
        InputError: as ``open_image``; damage between begin and end is found only there.
    """
    name = printable(path)
    with _opened(path) as file:
        with _explained(name):
            picture = _with_long_texts(lambda: _header(file, name, FORMATS))
            if picture.mode == "F":
                raise PictureError(_no_range(name))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4096))
        tail = file.read()
        file.seek(4)
        whole = {
            "JPEG": b"\xff\xd9" in tail,
            "PNG": b"IEND" in tail,
            "WEBP": int.from_bytes(file.read(4), "little") + 8 <= size,
        }
    if not whole.get(str(picture.format), True):
        open_image(path, 1)


def as_rgb(picture: Image.Image, name: str = "the picture") -> Image.Image:
    """A picture of any of Pillow's modes as RGB in sRGB, upright, on white.

    16 bits become the upper 8. An embedded colour profile is followed where it is sound and of the
    picture's kind of colours; one that says sRGB changes no bit.

    Raises:
        InputError: its numbers have no known range (floating point, or beyond 16 bits).
    """
    picture.load()
    turn = _orientation(picture)
    profile = picture.info.get("icc_profile")
    colours, clear = _colours(picture, name)
    convert = _lab() if colours.mode == "LAB" else None
    if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE:
        convert = convert or _to_srgb(profile, colours.mode)
    if convert is not None:
        colours = convert.apply(colours)
    elif colours.mode != "RGB":  # a conversion to what it is already would be a copy
        colours = colours.convert("RGB")
    if clear is not None:
        white = Image.new("RGB", colours.size, "white")
        white.paste(colours, mask=clear)
        colours = white
    return colours if turn is None else colours.transpose(turn)


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    name = printable(path)
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{name}: is a folder; give a picture file")
        if not stat.S_ISREG(mode):
            raise FileNotFoundError
        file = Path(path).open("rb")  # noqa: SIM115 (closed below)
    except PictureError:
        raise
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise PictureError(f"{name}: there is no such picture") from None
    except OSError as error:
        raise PictureError(f"{name}: cannot be read ({error.strerror})") from error
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
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PictureError(f"{name}: not a readable picture (damaged: {said})") from error


def _decode(file: BinaryIO, name: str, side: int, formats: Collection[str]) -> Image.Image:
    with _explained(name):
        picture = _with_long_texts(lambda: _loaded(file, name, side, formats))
        done = as_rgb(picture, name)
        done.info = {}  # profile and orientation have been followed
        return done


def _loaded(file: BinaryIO, name: str, side: int, formats: Collection[str]) -> Image.Image:
    picture = _header(file, name, formats, side)
    _scale_transparency(picture)
    try:
        picture.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        if picture.format == "GIF" and "transparency" in picture.info:
            raise  # what is missing and what is clear look alike
        picture.tile = []  # nothing more is to come
    else:
        width, height = picture.size
        last_row = picture.crop((0, height - 1, width, height))
        # A PNG or GIF may say that it ends before all rows are told: they stay 0.
        if picture.format not in ("PNG", "GIF") or np.asarray(last_row).any():
            return picture
    return _without_end(picture, file, name, formats, side)


def _header(
    file: BinaryIO, name: str, formats: Collection[str], side: int = 0
) -> ImageFile.ImageFile:
    """The picture before a pixel is decoded; a bomb is refused here."""
    file.seek(0)
    kind = picture_kind(file.read(256))
    if kind not in formats:
        if kind in FORMATS:
            kind = f"it is {kind}; give a JPEG, PNG or WebP"
        raise PictureError(f"{name}: not a readable picture ({kind})")
    _check_end(file, kind, name)
    file.seek(0)
    try:
        # The reader itself: Image.open would refuse by limits of the whole process.
        picture = _READERS[kind](file)
    except OSError:
        if kind != "WEBP":
            raise
        file.seek(0)
        picture = _READERS[kind](io.BytesIO(_filled_webp(file.read(), name)))
    size = picture.size
    if kind == "JPEG":
        width, height = (side * MARGIN, side * MARGIN) if side else size
        if _pixels(size) > MAX_PIXELS:
            width, height = min(width, size[0] // 2), min(height, size[1] // 2)
        if _pixels(size) <= 2 * MAX_PIXELS:
            picture.draft(None, (width, height))
    if _pixels(picture.size) > MAX_PIXELS:
        raise PictureError(
            f"{name}: {size[0]} x {size[1]} pixels is more than the limit of {MAX_PIXELS:,}; "
            "make it smaller"
        )
    return picture


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


# --- colours


def _colours(picture: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """The colours in a mode that a profile may be of, and how far they cover what is behind."""
    mode = picture.mode
    if mode == "F":
        raise PictureError(_no_range(name))
    if mode.startswith("I"):
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise PictureError(_no_range(name))
        grey = Image.fromarray((values >> 8).astype(np.uint8))
        clear = picture.info.get("transparency")
        if clear is None:
            return grey, None
        return grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    if picture.has_transparency_data and mode != "CMYK":
        if mode == "La":  # Pillow converts it to nothing else
            picture = picture.convert("LA")
        whole = picture.convert("LA" if mode in ("1", "L", "LA", "La") else "RGBA")
        return whole.convert(whole.mode[:-1]), whole.getchannel("A")
    if mode == "1":
        return picture.convert("L"), None
    return (picture if mode in ("L", "RGB", "CMYK", "LAB") else picture.convert("RGB")), None


def _no_range(name: str) -> str:
    return (
        f"{name}: not a readable picture (its numbers are floating point or beyond 16 bits, so "
        "that black and white are not known; save it with 8 or 16 bits)"
    )


def _scale_transparency(picture: ImageFile.ImageFile) -> None:
    """The transparent colour of a PNG in the 8 bits that Pillow makes of its 2, 4 or 16."""
    clear = picture.info.get("transparency")
    depth = picture.tile[0].args if picture.format == "PNG" and picture.tile else None
    if clear is not None and depth in ("L;2", "L;4"):
        picture.info["transparency"] = clear * (85 if depth == "L;2" else 17)
    elif isinstance(clear, tuple) and depth == "RGB;16B":
        picture.info["transparency"] = tuple(value >> 8 for value in clear)


@lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How colours of a profile become sRGB; None where they are, or where it is not to be used."""
    spaces = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if given.profile.xcolor_space.strip() != spaces.get(mode):
            return None
        convert = ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None  # viewers show a picture with a broken profile as if it had none
    if mode == "CMYK":
        return convert
    ramp = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(ramp, ramp, ramp), -1).reshape(9, 81, 3)
    sample = Image.fromarray(cube if mode == "RGB" else cube[..., 0])
    moved = np.asarray(convert.apply(sample)).astype(int) - np.asarray(sample.convert("RGB"))
    return convert if abs(moved).max() > 3 else None


@lru_cache(maxsize=1)
def _lab() -> ImageCms.ImageCmsTransform:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB")


def _orientation(picture: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(picture.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 (EXIF of any writer: what is broken in it turns nothing)
        return None


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


# --- files without their last bytes


def _check_end(file: BinaryIO, kind: str, name: str) -> None:
    """Refuse a file whose end is zeros, as a download leaves it that stopped in its middle.

    Decoders take zeros for pixels, so that nothing else would tell.
    """
    if kind not in ("JPEG", "WEBP", "AVIF"):  # in others zeros may be pixels, or are an error
        return
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 256))
    if any(file.read()):
        return
    file.seek(0)
    data = file.read().rstrip(b"\0")
    if len(data) < (1 - MOST_MISSING) * size and data[-2:] != b"\xff\xd9":
        raise PictureError(
            f"{name}: not a readable picture (nothing but zeros after byte {len(data):,} of "
            f"{size:,}; get the whole file)"
        )


def _without_end(
    picture: ImageFile.ImageFile, file: BinaryIO, name: str, formats: Collection[str], side: int
) -> ImageFile.ImageFile:
    """What a file without its end gives, where that is nearly all.

    Args:
        picture: as far as it was decoded, over zeros.

    Raises:
        PictureError: more than ``MOST_MISSING`` of the picture is missing.
    """
    if picture.format == "JPEG":
        file.seek(0)
        data = file.read().rstrip(b"\0")
        if not _all_scans(data):
            raise PictureError(f"{name}: not a readable picture (cut off before its details)")
        # With an end of its own, libjpeg draws the rest in the grey of zeros.
        picture = _header(io.BytesIO(data + b"\xff\xd9"), name, formats, side)
        picture.load()
        missing = _grey_end(picture)
    else:
        # Where another background shows through, nothing was drawn.
        other = _header(file, name, formats)
        other.im = Image.new(other.mode, other.size, 255).im
        with suppress(OSError):
            other.load()
        other.tile = []
        some = slice(None, None, max(1, picture.size[0] // 256))  # columns: enough to tell rows
        missing = np.asarray(picture)[:, some] != np.asarray(other)[:, some]
        missing = missing.any(-1) if missing.ndim == 3 else missing
    if missing.mean() > MOST_MISSING:
        there = 100 * (1 - missing.mean())
        raise PictureError(f"{name}: not a readable picture (cut off: {there:.0f}% of it is there)")
    return picture


def _grey_end(picture: Image.Image) -> np.ndarray:
    """(H, W) which pixels at the end of a JPEG are the grey of missing data."""
    if picture.mode not in ("L", "RGB"):
        return np.ones(picture.size[::-1], dtype=bool)  # CMYK: the grey is not known
    pixels = np.asarray(picture)
    grey = (pixels == 128).reshape(*pixels.shape[:2], -1).all(-1)
    runs = np.logical_and.accumulate(grey[:, ::-1], axis=1)[:, ::-1]  # grey up to the right edge
    last = np.logical_and.accumulate(runs[::-1, -1])[::-1]  # rows from which on all end so
    return runs & last[:, None]


def _all_scans(data: bytes) -> bool:
    """Whether each scan of a JPEG has begun: a progressive one tells details in later ones."""
    place = 2
    known: dict[int, set[int]] = {}
    try:
        while data[place] == 0xFF and data[place + 1] != 0xDA:
            if 0xC0 <= data[place + 1] <= 0xC2:
                known = {data[place + 10 + 3 * i]: set() for i in range(data[place + 9])}
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        for scan in re.finditer(rb"\xff\xda..", data[place:], re.DOTALL):
            head = data[place + scan.end() :][:12]
            first, last, bits = head[1 + 2 * head[0] : 4 + 2 * head[0]]
            if not bits & 15:  # to the last bit
                for part in head[1 : 1 + 2 * head[0] : 2]:
                    known[part].update(range(first, last + 1))
    except (IndexError, KeyError, ValueError):
        return False
    return bool(known) and all(len(told) == 64 for told in known.values())


def _filled_webp(data: bytes, name: str) -> bytes:
    """A WebP whose last bytes are missing, with zeros in their place and more behind them."""
    size = int.from_bytes(data[4:8], "little") + 8
    if len(data) >= size:
        raise PictureError(f"{name}: not a readable picture (damaged)")
    if size - len(data) > MOST_MISSING * size:
        raise PictureError(
            f"{name}: not a readable picture (cut off after {len(data):,} of {size:,} bytes)"
        )
    place = 12  # of the chunk that is cut off
    while (end := place + 8 + int.from_bytes(data[place + 4 : place + 8], "little")) < len(data):
        place = end + end % 2
    filled = bytearray(data + bytes(size - len(data) + 4096))
    for at in (4, place + 4):  # sizes of the file and of the chunk
        longer = int.from_bytes(filled[at : at + 4], "little") + 4096
        filled[at : at + 4] = longer.to_bytes(4, "little")
    return bytes(filled)
