"""Where the glyphs of a picture stand: boxes that never overlap, varied in place, size and tilt."""

from __future__ import annotations

from dataclasses import dataclass

from glasskit.data.scenes.draw import Draw
from glasskit.data.scenes.glyphs import Glyph

# Cells as fractions of the side of the picture: left, top, right, bottom. The cells of one layout
# are disjoint and each glyph stays inside its own, so that no two glyphs can touch.
_Cell = tuple[float, float, float, float]
LAYOUTS: dict[int, tuple[tuple[_Cell, ...], ...]] = {
    2: (
        ((0.02, 0.12, 0.495, 0.88), (0.505, 0.12, 0.98, 0.88)),
        ((0.02, 0.02, 0.56, 0.56), (0.57, 0.42, 0.98, 0.96)),
        ((0.02, 0.44, 0.56, 0.98), (0.57, 0.03, 0.98, 0.56)),
        ((0.02, 0.14, 0.60, 0.86), (0.61, 0.46, 0.98, 0.92)),
        ((0.02, 0.10, 0.39, 0.60), (0.40, 0.14, 0.98, 0.86)),
    ),
    3: (
        ((0.02, 0.18, 0.54, 0.84), (0.55, 0.04, 0.98, 0.49), (0.55, 0.51, 0.98, 0.96)),
        ((0.26, 0.02, 0.74, 0.49), (0.02, 0.50, 0.49, 0.98), (0.51, 0.50, 0.98, 0.98)),
        ((0.02, 0.02, 0.49, 0.50), (0.51, 0.02, 0.98, 0.50), (0.26, 0.51, 0.74, 0.98)),
        ((0.02, 0.04, 0.45, 0.49), (0.02, 0.51, 0.45, 0.96), (0.46, 0.16, 0.98, 0.82)),
    ),
    4: (
        (
            (0.02, 0.02, 0.49, 0.49),
            (0.51, 0.02, 0.98, 0.49),
            (0.02, 0.51, 0.49, 0.98),
            (0.51, 0.51, 0.98, 0.98),
        ),
        (
            (0.02, 0.02, 0.53, 0.53),
            (0.55, 0.04, 0.98, 0.47),
            (0.03, 0.55, 0.46, 0.98),
            (0.48, 0.54, 0.93, 0.98),
        ),
        (
            (0.02, 0.10, 0.48, 0.56),
            (0.50, 0.02, 0.98, 0.48),
            (0.06, 0.57, 0.48, 0.98),
            (0.50, 0.50, 0.98, 0.98),
        ),
    ),
}

MAX_TILT = 10.0
"""Largest tilt of a glyph, in degrees."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A glyph in a picture.

    Args:
        glyph: what is drawn.
        left, top, side: its square box, as fractions of the side of the picture.
        tilt: degrees, anticlockwise.
    """

    glyph: Glyph
    left: float
    top: float
    side: float
    tilt: float


def place(glyphs: list[Glyph], draw: Draw) -> tuple[Placement, ...]:
    """Give each glyph its place.

    Args:
        glyphs: 2 to 4 glyphs.
        draw: the random choices of the picture.

    Returns:
        Placements from left to right: the order in which captions name them.
    """
    cells = draw.choice("layout", LAYOUTS[len(glyphs)])
    placements = [
        _inside(cell, glyph, draw, slot)
        for slot, (cell, glyph) in enumerate(zip(cells, glyphs, strict=True))
    ]
    return tuple(sorted(placements, key=lambda placement: placement.left + placement.side / 2))


def _inside(cell: _Cell, glyph: Glyph, draw: Draw, slot: int) -> Placement:
    left, top, right, bottom = cell
    width, height = right - left, bottom - top
    side = min(width, height) * draw.uniform(f"side/{slot}", 0.92, 1.0)
    return Placement(
        glyph=glyph,
        left=left + (width - side) * draw.uniform(f"left/{slot}"),
        top=top + (height - side) * draw.uniform(f"top/{slot}"),
        side=side,
        tilt=draw.uniform(f"tilt/{slot}", -MAX_TILT, MAX_TILT),
    )
