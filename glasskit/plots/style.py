"""One look for every notebook figure, and `show`, which puts a figure on the page.

A figure brings its own light ground and dark ink, so that it reads the same on a light page, on a
dark page and on a projector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import plotly.io as pio

if TYPE_CHECKING:
    from glasskit.evaluation.comparison import Cell

PAPER = "#faf8f4"
INK = "#24221f"
FAINT = "#e3ddd2"

GREY, TEAL, ORANGE = "#948d82", "#1f7a7a", "#dd7a17"
SERIES = (GREY, TEAL, ORANGE, "#7d4f9e", "#4aa3df", "#8a5a2b", "#c04a79", "#6b7f2a")
"""Told apart with the common colour blindnesses; symbols and labels say the same again."""

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x", "triangle-down")
MIMETYPE = "application/vnd.plotly.v1+json"


def calm(figure: go.Figure, height: int, title: str = "") -> go.Figure:
    """The look of all figures: letters large enough for the back row, a quiet grid, no toolbar.

    Args:
        figure: changed in place.
        height: in pixels.
        title: one line above the figure; also its text where pictures are not shown.
    """
    figure.update_layout(
        template="none",
        height=height,
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        colorway=SERIES,
        font={"color": INK, "family": "system-ui, Segoe UI, Helvetica, sans-serif", "size": 15},
        margin={"l": 24, "r": 24, "t": 76 if title else 45, "b": 60},
        legend={"itemsizing": "constant"},
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": INK}},
    )
    if title:
        figure.update_layout(
            title={"text": title, "x": 0.0, "xref": "container", "pad": {"l": 24}, "y": 0.96}
        )
        figure.layout.title.update(yanchor="top", font={"size": 19})
    axis = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": FAINT, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def whiskers(cells: Sequence[Cell]) -> dict[str, Any]:
    """Plotly's error bars for 95% intervals in percent; of length 0 where there is no interval."""
    ends = [(cell.value, cell.ci95 or (cell.value, cell.value)) for cell in cells]
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (high - value) for value, (_, high) in ends],
        "arrayminus": [100 * (value - low) for value, (low, _) in ends],
        "thickness": 1.5,
        "width": 0,
    }


def whole_ticks(values: Sequence[int]) -> dict[str, int]:
    """Axis settings for counts: ticks at 0 and whole steps of 1, 2 or 5 times a power of ten.

    Args:
        values: what is drawn, 0 is always on the axis.

    >>> [whole_ticks([-2, 1])["dtick"], whole_ticks([13])["dtick"], whole_ticks([0, 140])["dtick"]]
    [1, 2, 20]
    """
    span = max([0, *values]) - min([0, *values])
    steps = (scale * part for scale in (10**power for power in range(12)) for part in (1, 2, 5))
    return {"tick0": 0, "dtick": next(step for step in steps if 8 * step >= span)}


def bundle(figure: go.Figure) -> dict[str, Any]:
    """What a notebook stores for a figure: Plotly's JSON and one line of text."""
    title = figure.layout.title.text or ""
    shown = pio.renderers["plotly_mimetype"].to_mimebundle(figure.to_plotly_json())
    shown[MIMETYPE]["config"] = {"displayModeBar": False, "responsive": True}
    return {**shown, "text/plain": title or "A figure."}


def show(figure: go.Figure) -> None:
    """Show a figure in a notebook: live where the page runs Plotly, else its text.

    Only JSON is stored here, so that no notebook needs a browser to run. ``make notebooks`` sets a
    picture beside it for pages without JavaScript, and says so where it finds no browser to draw
    one.

    Args:
        figure: any Plotly figure; its title is the text.
    """
    from IPython.display import display

    display(bundle(figure), raw=True)
