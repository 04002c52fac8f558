"""The coloured grounds: a soft gradient with a quiet pattern in a second tone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from glasskit.data.scenes.draw import Draw

Colour = tuple[int, int, int]

# Name and other name for the captions, then light, full and pattern tone (sRGB).
PALETTE: dict[str, tuple[str, Colour, Colour, Colour]] = {
    "pale yellow": ("lemon", (255, 250, 218), (255, 238, 168), (255, 224, 120)),
    "soft orange": ("apricot", (255, 238, 216), (255, 217, 172), (255, 198, 138)),
    "coral": ("salmon pink", (255, 220, 210), (250, 184, 170), (244, 160, 146)),
    "pink": ("rosy", (255, 232, 240), (252, 205, 222), (246, 180, 205)),
    "lilac": ("light purple", (242, 232, 252), (220, 204, 244), (200, 180, 234)),
    "lavender blue": ("periwinkle", (230, 234, 255), (200, 210, 248), (176, 188, 240)),
    "sky blue": ("light blue", (228, 243, 255), (188, 222, 250), (154, 203, 244)),
    "aqua": ("light turquoise", (222, 247, 248), (176, 230, 232), (140, 214, 218)),
    "mint green": ("minty", (226, 248, 234), (184, 234, 204), (148, 219, 176)),
    "lime green": ("yellowish green", (241, 250, 214), (219, 240, 164), (198, 226, 126)),
    "sand": ("beige", (250, 242, 228), (236, 220, 192), (222, 200, 162)),
    "pearl grey": ("light grey", (244, 246, 248), (220, 226, 232), (200, 208, 218)),
    "teal": ("blue-green", (150, 212, 206), (92, 178, 174), (72, 156, 154)),
    "denim blue": ("mid-blue", (158, 190, 230), (104, 146, 204), (84, 126, 188)),
    "plum": ("mauve", (206, 170, 214), (168, 124, 184), (148, 104, 166)),
    "terracotta": ("brick-coloured", (236, 176, 148), (210, 132, 104), (192, 112, 86)),
}

# Pattern and how a caption says it.
PATTERNS = {
    "plain": "",
    "disc": " with a large disc",
    "hills": " with rolling curves",
    "dots": " with small dots",
    "stripes": " with slanting stripes",
    "rays": " with fanned rays",
    "arcs": " with wide arcs",
}

_EDGE = 1.0  # width of a soft edge, in pixels of the mask
_STRENGTH = 0.4  # how far a pattern goes from the ground to its second tone


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground: its colour as the literal caption says it ("pale yellow"), its pattern, and two
    numbers in [0, 1) that vary the pattern."""

    colour: str
    pattern: str
    a: float
    b: float

    @property
    def other(self) -> str:
        """As the paraphrase says it: "lemon backdrop with small dots"."""
        return f"{PALETTE[self.colour][0]} backdrop{PATTERNS[self.pattern]}"


def choose_ground(draw: Draw) -> Ground:
    """The ground of a picture."""
    return Ground(
        colour=draw.choice("colour", tuple(PALETTE)),
        pattern=draw.choice("pattern", tuple(PATTERNS)),
        a=draw.uniform("ground/a"),
        b=draw.uniform("ground/b"),
    )


def paint(ground: Ground, size: int) -> Image.Image:
    """Paint a ground.

    Args:
        ground: what to paint.
        size: side in pixels.

    Returns:
        RGB, size x size.
    """
    light, full, tone = (Image.new("RGB", (size, size), c) for c in PALETTE[ground.colour][1:])
    half = size // 2  # masks are soft: half the side is enough, at a quarter of the cost
    steps = (np.arange(half, dtype=np.float32) + 0.5) / half
    x, y = steps[None, :], steps[:, None]
    slope = (ground.a - 0.5) * 0.8
    picture = Image.composite(full, light, _mask(np.clip(y + slope * (x - 0.5), 0, 1), size))
    if ground.pattern == "plain":
        return picture
    return Image.composite(tone, picture, _mask(_STRENGTH * _pattern(ground, x, y, half), size))


def _mask(cover: np.ndarray, size: int) -> Image.Image:
    """(h, w) in [0, 1] as a mask of 8 bits, size x size."""
    mask = Image.fromarray(np.rint(255 * cover).astype(np.uint8))
    return mask.resize((size, size), Image.Resampling.BILINEAR)


def _pattern(ground: Ground, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
    """(size, size) in [0, 1]: how much of the second tone is at each pixel."""
    a, b = ground.a, ground.b
    match ground.pattern:
        case "disc":
            far = np.hypot(x - 0.35 - 0.3 * a, y - 0.4 - 0.2 * b)
            return _soft(0.34 + 0.08 * a - far, size)
        case "hills":
            back = y - 0.62 - 0.08 * np.sin(6.0 * x + 6.3 * a)
            front = y - 0.78 - 0.06 * np.sin(5.0 * x + 6.3 * b)
            return 0.5 * _soft(back, size) + 0.5 * _soft(front, size)
        case "dots":
            step = 0.11 + 0.03 * a
            row = np.floor(y / step)
            far = np.hypot((x / step + 0.5 * (row % 2)) % 1 - 0.5, (y / step) % 1 - 0.5)
            return _soft((0.2 - far) * step, size)
        case "stripes":
            step = 0.16 + 0.06 * a
            lean = 0.6 if b < 0.5 else -0.6
            phase = ((x + lean * y) / step) % 2
            return _soft((0.5 - np.abs(phase - 1)) * step, size)
        case "rays":
            turn = np.arctan2(y - 1.05, x - 0.2 - 0.6 * a)
            phase = (turn / np.pi * 12 + 2 * b) % 2
            far = np.hypot(y - 1.05, x - 0.2 - 0.6 * a)
            return _soft((0.5 - np.abs(phase - 1)) * far * np.pi / 12, size)
        case "arcs":
            far = np.hypot(x - (a < 0.5), y - (b < 0.5))
            return _soft((0.5 - np.abs((far / 0.17) % 2 - 1)) * 0.17, size)
    raise ValueError(f"no pattern {ground.pattern!r}")


def _soft(inside: np.ndarray, size: int) -> np.ndarray:
    """1 inside, 0 outside, with a soft edge: ``inside`` is a signed distance, in picture sides."""
    return np.clip(inside * size / _EDGE + 0.5, 0, 1).astype(np.float32)
