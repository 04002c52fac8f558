"""A picture of any kind of colours as a viewer shows it: RGB in sRGB, upright, on white."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from glasskit.errors import PictureError

MAX_PROFILE = 4_000_000
"""Bytes of a colour profile that is followed; those of printers have two million."""


def as_rgb(picture: Image.Image, name: str = "the picture") -> Image.Image:
    """A picture of any of Pillow's modes as RGB in sRGB, upright, on white.

    16 bits become the upper 8. An embedded colour profile is followed where it is sound and of the
    picture's kind of colours; one that says sRGB changes no bit.

    Raises:
        InputError: its numbers have no known range (floating point, or beyond 16 bits).
    """
    picture.load()
    picture = _upright(picture)
    profile = picture.info.get("icc_profile")
    colours, alpha = _colours(picture, name)
    convert = None
    if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE:
        convert = _to_srgb(profile, colours.mode)
    if convert is not None:
        colours = convert.apply(colours)
    elif colours.mode != "RGB":  # a conversion to what it is already would be a copy
        colours = colours.convert("RGB")
    if alpha is not None:
        white = Image.new("RGB", colours.size, "white")
        white.paste(colours, mask=alpha)
        colours = white
    return colours


def no_range(name: str) -> PictureError:
    """The refusal of a picture whose numbers do not say what is black and what is white."""
    return PictureError(
        f"{name}: not a readable picture (its numbers are floating point or beyond 16 bits, so "
        "that black and white are not known; save it with 8 or 16 bits)"
    )


def _colours(picture: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """The colours in a mode that a profile may be of, and the alpha channel if there is one."""
    mode = picture.mode
    if mode == "F":
        raise no_range(name)
    if mode.startswith("I"):
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise no_range(name)
        grey = Image.fromarray((values >> 8).astype(np.uint8))
        clear = picture.info.get("transparency")
        alpha = None if clear is None else Image.fromarray(values != clear).convert("L")
        return grey, alpha
    if picture.has_transparency_data and mode != "CMYK":
        if mode == "La":  # Pillow converts it to nothing else
            picture = picture.convert("LA")
        whole = picture.convert("LA" if mode in ("1", "L", "LA", "La") else "RGBA")
        return whole.convert(whole.mode[:-1]), whole.getchannel("A")
    if mode == "1":
        return picture.convert("L"), None
    return (picture if mode in ("L", "RGB", "CMYK") else picture.convert("RGB")), None


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


def _upright(picture: Image.Image) -> Image.Image:
    try:
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(picture) if turned else picture
    except Exception:  # noqa: BLE001 (EXIF of any writer: what is broken in it turns nothing)
        return picture
