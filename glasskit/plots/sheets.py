"""Contact sheets: pictures of a data set in a grid, with a line or two under each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

import plotly.graph_objects as go
from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.io.pictures import data_url
from glasskit.plots.style import LETTER, LINE, calm

SIDE = 200
"""Pixels of a picture's longer side; it is shown a little smaller."""

WIDEST, COLUMN = 960, 230
"""Pixels: a sheet is no wider than a page, and a column no wider than a thumbnail needs."""

LINES = 5
"""Most lines of text under a picture."""


def sheet_figure(
    dataset: GroupedDataset,
    rows: Sequence[int],
    notes: Sequence[str],
    *,
    columns: int = 4,
    title: str = "",
) -> go.Figure:
    """Pictures in a grid, each with its note below.

    Args:
        dataset: whose pictures they are.
        rows: indices of the records, row by row of the sheet.
        notes: one text a picture; it is wrapped, and at most five lines are shown. Begin a text
            with ``*`` for a first line in bold up to the next line break.
        columns: pictures side by side.
        title: one line above.
    """
    side = min(COLUMN, (WIDEST - 40) // columns)
    blocks = [_lines(note, int(0.94 * side / LETTER)) for note in notes]
    down = -(-len(rows) // columns)
    tall = 1.0 + (LINE * max(len(block) for block in blocks) + 26) / side
    figure = go.Figure()
    for place, (row, block) in enumerate(zip(rows, blocks, strict=True)):
        x, y = place % columns + 0.03, -(place // columns) * tall
        picture = dataset.image(row).copy()
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        box = {"x": x, "y": y, "sizex": 0.94, "sizey": 0.97, "xref": "x", "yref": "y"}
        figure.add_layout_image(source=data_url(picture, quality=82), layer="above", **box)
        text = {"text": "<br>".join(block), "align": "left", "font": {"size": 14}}
        corner = {"x": x, "xanchor": "left", "y": y - 0.99, "yanchor": "top"}
        figure.add_annotation(**text, **corner, showarrow=False)
    calm(figure, height=int((64 if title else 24) + side * tall * down), title=title)
    figure.update_xaxes(visible=False, range=[0, columns], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-tall * down, 0.02], fixedrange=True, scaleanchor="x")
    margin = {"l": 16, "r": 16, "t": 56 if title else 16, "b": 8}
    return figure.update_layout(margin=margin, width=40 + side * columns)


def _lines(note: str, width: int) -> list[str]:
    head, _, rest = note.partition("\n") if note.startswith("*") else ("", "", note)
    lines = [f"<b>{escape(head[1:])}</b>"] if head else []
    body = wrap(rest, width, max_lines=LINES - len(lines), placeholder=" ...")
    return lines + [escape(line) for line in body]
