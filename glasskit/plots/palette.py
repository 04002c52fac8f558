"""Colours for a taxonomy: twelve hues that differ for colour-blind eyes too, shades within them.

Nobody tells 50 colours apart. So a level of at most 12 labels has hues, a finer one has shades of
its family's hue, and names stand on the map as text.
"""

from __future__ import annotations

from collections.abc import Sequence

from glasskit.data.schema import LEVELS, Concept

FAMILY_COLOURS = (
    "#7280f1",  # periwinkle
    "#e6a611",  # gold
    "#893d9e",  # purple
    "#5b9c8c",  # sage
    "#885736",  # brown
    "#50e1d3",  # turquoise
    "#cd6c1c",  # orange
    "#52b8fc",  # sky
    "#d990c5",  # pink
    "#317d74",  # teal
    "#abbc88",  # olive
    "#a467bc",  # violet
)
"""Found by search for twelve colours, readable on light and dark, of which any two differ by more
than 0.1 in OKLab, for full colour vision and, weighted 1.25, for deuteranopia and protanopia; the
first six by more than 0.18. tests/analysis/test_palette.py checks the distances."""

UNNAMED = "#999999"
"""For records whose data set names no label at a level."""


def level_colours(concepts: Sequence[Concept], level: int) -> dict[str, str]:
    """A colour for every label of one level (1 to 4), as ``#rrggbb``.

    A level of at most 12 labels has a hue for each. Labels of a finer one are lighter and darker
    shades of the hue of their family: their label at the most specific level that has hues.
    """
    labels = _labels(concepts, level)
    if len(labels) <= len(FAMILY_COLOURS):
        return dict(zip(labels, FAMILY_COLOURS, strict=False))
    hued = [n for n in range(level + 1, len(LEVELS) + 1) if _labels(concepts, n)]
    hued = [n for n in hued if len(_labels(concepts, n)) <= len(FAMILY_COLOURS)]
    if not hued:  # no level is coarse enough: hues repeat, and names on the map tell them apart
        return {label: FAMILY_COLOURS[i % len(FAMILY_COLOURS)] for i, label in enumerate(labels)}
    hues = level_colours(concepts, hued[0])
    families: dict[str | None, list[str]] = {}
    for label in labels:
        home = next(c.levels[hued[0] - 1] for c in concepts if c.levels[level - 1] == label)
        families.setdefault(home, []).append(label)
    return {
        label: shade(hues.get(home, UNNAMED), _offset(rank, len(members)))
        for home, members in families.items()
        for rank, label in enumerate(members)
    }


def family_level(concepts: Sequence[Concept]) -> int:
    """The level to colour a map by: the most general one of 5 to 12 labels, else the finest."""
    for level in range(len(LEVELS), 0, -1):
        if 5 <= len(_labels(concepts, level)) <= len(FAMILY_COLOURS):
            return level
    return 1


def shade(colour: str, amount: float) -> str:
    """``colour`` mixed with white (amount > 0) or black (amount < 0); |amount| is the share."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + (target - p) * abs(amount)):02x}" for p in parts)


def _labels(concepts: Sequence[Concept], level: int) -> list[str]:
    names = (concept.levels[level - 1] for concept in concepts)
    return list(dict.fromkeys(name for name in names if name is not None))


def _offset(rank: int, count: int) -> float:
    """Shades from 30% darker to 45% lighter, the family's own colour for a single label."""
    return 0.0 if count == 1 else -0.3 + 0.75 * rank / (count - 1)
