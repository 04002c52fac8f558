"""The app's map as a piece of a page of its own, such as a notebook's output."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.resources import files

from PIL import Image, ImageOps

from glasskit.data.grouped import GroupedDataset
from glasskit.io.pictures import data_url
from glasskit.plots.map_data import Projection, map_data

SIDE = 96
"""Pixels of a side of a small picture, cut square."""

FOLDER = files("glasskit.plots") / "map"
SCRIPTS = ("canvas.js", "pointer.js", "map.js")


def map_script() -> str:
    """JavaScript that defines ``GlassMap`` (see map/map.js), however often a page holds it."""
    parts = [(FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "window.GlassMap ??= (() => {\n" + "\n".join(parts) + "\nreturn GlassMap;\n})();\n"


def map_style() -> str:
    """The CSS of the map."""
    return (FOLDER / "map.css").read_text(encoding="utf-8")


def map_html(
    dataset: GroupedDataset, before: Projection, after: Projection, *, pictures: bool = True
) -> str:
    """The map of a data set before and after training, as HTML that needs nothing else.

    In a notebook: ``IPython.display.HTML(map_html(...))``. Point at a picture to see it, drag,
    zoom, colour by a level of the taxonomy, let one map turn into the other.

    Args:
        dataset: whose pictures.
        before: by the untrained model.
        after: by the trained model.
        pictures: put small copies of all pictures in, about 3 kB each.
    """
    small = None
    if pictures:
        squares = (
            ImageOps.fit(dataset.image(i, SIDE), (SIDE, SIDE), Image.Resampling.LANCZOS)
            for i in range(len(dataset))
        )
        small = [data_url(square) for square in squares]
    data = map_data(dataset, before, after, small, "the page was made without pictures")
    sent = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # no end of the script
    name = f"glass-map-{sha256(sent.encode()).hexdigest()[:12]}"
    return (
        f'<div class="{name}"></div><style>{map_style()}</style><script>{map_script()}'
        f"for (const place of document.querySelectorAll('.{name}:empty'))"
        f" new GlassMap(place, {sent});</script>"
    )
