"""A still picture of the map, for pages on which no script runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from glasskit.errors import InputError
from glasskit.plots.style import INK, PAPER, UNNAMED

WIDTH, HEIGHT = 1440, 800
TOP, BOTTOM, EDGE = 50, 44, 30
"""Pixels above a map, where its name stands, below it, where the legend does, and round it."""

SIDE = 48
MOST = 80
"""Small pictures of a map."""

Box = tuple[float, float, float, float]


def still_map(
    data: Mapping[str, Any], small: Callable[[int], Image.Image] | None = None
) -> Image.Image:
    """Dots in the colours that the map begins with, small pictures and names where there is room.

    Args:
        data: of ``map_data``.
        small: gives a picture by its number; None where there are none.
    """
    drawn = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    extent = np.max(
        [np.abs(_places(view["picture"])).max(axis=0) for view in data["views"].values()], axis=0
    )
    width = WIDTH / len(data["views"])
    height = HEIGHT - TOP - BOTTOM
    unit = min((width / 2 - EDGE) / extent[0], (height / 2 - EDGE) / extent[1])
    pen = ImageDraw.Draw(drawn)
    _draw_legend(pen, data["colourings"][data["family"]])
    for number, (side, view) in enumerate(data["views"].items()):
        middle = np.array([width * (number + 0.5), TOP + height / 2])

        def on_paper(flat: list[float], middle: np.ndarray = middle) -> np.ndarray:
            return _places(flat) * (unit, -unit) + middle

        pen.text((width * number + EDGE, 14), data["sides"][side], INK, ImageFont.load_default(26))
        places = on_paper(view["picture"])
        colours = _draw_dots(pen, data, places)
        names = _name_boxes(pen, data, on_paper(view["concept"]))
        if small is not None:
            _paste_pictures(drawn, small, places, colours, [box for _, box in names])
        for name, (left, top, *_) in names:
            pen.text((left, top), name, INK, _font(), stroke_width=3, stroke_fill=PAPER)
    return drawn


def _places(flat: list[float]) -> np.ndarray:
    return np.reshape(np.asarray(flat, np.float64), (-1, 2))


def _font() -> Any:
    return ImageFont.load_default(18)


def _draw_legend(pen: ImageDraw.ImageDraw, colouring: Mapping[str, Any]) -> None:
    """Names of the colours, of which more than fit into a line say nothing."""
    x, y = float(EDGE), HEIGHT - BOTTOM / 2
    spots = []
    for label, colour in zip(colouring["labels"], colouring["colours"], strict=True):
        spots.append((x, label, colour))
        x += 50 + pen.textlength(label, _font())
    if len(spots) > 1 and x < WIDTH:
        for x, label, colour in spots:
            pen.ellipse((x, y - 7, x + 14, y + 7), colour)
            pen.text((x + 22, y), label, INK, _font(), anchor="lm")


def _draw_dots(pen: ImageDraw.ImageDraw, data: Mapping[str, Any], places: np.ndarray) -> list[str]:
    """Draws every picture as a dot, and returns their colours."""
    colouring = data["colourings"][data["family"]]
    colours = [colouring["colours"][of] if of >= 0 else UNNAMED for of in colouring["of"]]
    radius = 5 if len(places) <= 4000 else 2
    for (x, y), colour in zip(places, colours, strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    return colours


def _name_boxes(
    pen: ImageDraw.ImageDraw, data: Mapping[str, Any], places: np.ndarray
) -> list[tuple[str, Box]]:
    """Names with the boxes of those that find room, the labels of most pictures first."""
    counts = np.zeros(len(places))
    for own in data["labels"]:
        counts[own] += 1
    found: list[tuple[str, Box]] = []
    for index in np.argsort(-counts, kind="stable"):
        name, (x, y) = data["concepts"][index], places[index]
        half = pen.textlength(name, _font()) / 2
        box = (x - half, y - 12, x + half, y + 12)
        if not any(_overlap(box, other) for _, other in found):
            found.append((name, box))
    return found


def _paste_pictures(
    drawn: Image.Image,
    small: Callable[[int], Image.Image],
    places: np.ndarray,
    colours: list[str],
    taken: list[Box],
) -> None:
    taken, count = list(taken), 0
    for index in np.random.default_rng(0).permutation(len(places)).tolist():
        x, y = places[index]
        box = (x - SIDE / 2 - 2, y - SIDE / 2 - 2, x + SIDE / 2 + 2, y + SIDE / 2 + 2)
        if count == MOST or any(_overlap(box, other) for other in taken):
            continue
        try:
            picture = small(index).resize((SIDE, SIDE))
        except InputError:  # its dot stands
            continue
        drawn.paste(colours[index], tuple(map(round, box)))
        drawn.paste(picture, (round(x - SIDE / 2), round(y - SIDE / 2)))
        taken.append(box)
        count += 1


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
