"""Plotly figures of the report; colours that depend on light and dark are set by report.js."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from glasskit.evaluation.comparison import BETTER, WORSE, Cell, Measure, Table

if TYPE_CHECKING:
    from glasskit.evaluation.report import Changed

# Okabe and Ito's palette: told apart with every common colour blindness, on white and on black.
BLUE, ORANGE, GREY = "#3b8fd0", "#e08a1e", "#8b929c"
SERIES = (GREY, BLUE, ORANGE, "#1fa37c", "#c878a6", "#d2601a", "#9b87d6", "#b3a12a")
SHAPES = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "cross": "✚",
    "star": "★",
    "x": "✖",
    "triangle-down": "▼",
}
"""Plotly's symbols, and the letters that look like them."""
LOOK = {BETTER: (BLUE, "triangle-up"), WORSE: (ORANGE, "triangle-down"), "": (GREY, "circle")}


def measure_figure(table: Table, measure: Measure) -> go.Figure:
    """One dot and interval a model; colour and shape say better, worse or neither."""
    names = list(table.names)
    cells = [table.cell(name, measure) for name in names]
    looks = [LOOK[cell.mark] for cell in cells]
    figure = go.Figure(
        go.Scatter(
            x=[100 * cell.value for cell in cells],
            y=names,
            mode="markers",
            marker={"size": 12, "color": [c for c, _ in looks], "symbol": [s for _, s in looks]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [reach(cell)[1] for cell in cells],
                "arrayminus": [reach(cell)[0] for cell in cells],
                "thickness": 1.5,
                "width": 0,
                "color": GREY,
            },
            hovertemplate="%{y}: %{x:.1f}%<extra></extra>",
        )
    )
    figure.add_vline(x=100 * cells[0].value, line={"dash": "dot", "width": 1, "color": GREY})
    figure.update_layout(
        height=96 + 34 * len(names),
        margin={"l": 8, "r": 16, "t": 8, "b": 36},
        xaxis={"ticksuffix": "%", "zeroline": False, "nticks": 4, "tickangle": 0},
        yaxis={"autorange": "reversed", "automargin": True, "showgrid": False, "type": "category"},
        showlegend=False,
    )
    return figure


def look(number: int) -> tuple[str, str]:
    """Colour and shape of a model; from the ninth on colours come again with other shapes."""
    shapes = list(SHAPES)
    return SERIES[number % len(SERIES)], shapes[(number + number // len(SERIES)) % len(shapes)]


def trade_figure(table: Table) -> go.Figure | None:
    """What a model gains on concepts against what it keeps on captions; None without both."""
    by_key = {measure.key: measure for measure in table.measures}
    if not {"acceptable_top1", "image_to_text_r10"} <= by_key.keys():
        return None
    figure = go.Figure()
    for number, name in enumerate(table.names):
        x = table.cell(name, by_key["image_to_text_r10"])
        y = table.cell(name, by_key["acceptable_top1"])
        colour, shape = look(number)
        figure.add_trace(
            go.Scatter(
                x=[100 * x.value],
                y=[100 * y.value],
                name=name,
                mode="markers",
                marker={"size": 14, "color": colour, "symbol": shape},
                error_x=_whisker(x, colour),
                error_y=_whisker(y, colour),
                hovertemplate="%{x:.1f}% captions, %{y:.1f}% concepts",
            )
        )
    figure.update_layout(
        height=420,
        margin={"l": 8, "r": 16, "t": 8, "b": 8},
        xaxis={
            "title": {"text": "Caption R@10"},
            "ticksuffix": "%",
            "zeroline": False,
            "automargin": True,
        },
        yaxis={
            "title": {"text": "Acceptable top-1"},
            "ticksuffix": "%",
            "zeroline": False,
            "automargin": True,
        },
        showlegend=False,  # names stand below as text, which wraps on a phone
    )
    return figure


def reach(cell: Cell) -> tuple[float, float]:
    """How far the interval reaches below and above the share, in percent; 0 where there is none."""
    low, high = cell.ci95 or (cell.value, cell.value)
    return 100 * (cell.value - low), 100 * (high - cell.value)


def whole_ticks(values: Sequence[int]) -> dict[str, object]:
    """Axis settings for counts: ticks at 0 and whole steps of 1, 2 or 5 times a power of ten.

    Args:
        values: what is drawn, 0 is always on the axis.

    >>> [whole_ticks([-2, 1])["dtick"], whole_ticks([13])["dtick"], whole_ticks([0, 140])["dtick"]]
    [1, 2, 20]
    """
    span = max([0, *values]) - min([0, *values])
    steps = (scale * part for scale in (10**power for power in range(12)) for part in (1, 2, 5))
    return {"tick0": 0, "dtick": next(step for step in steps if 8 * step >= span)}


def _whisker(cell: Cell, colour: str) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [reach(cell)[1]],
        "arrayminus": [reach(cell)[0]],
        "thickness": 1.2,
        "width": 0,
        "color": colour,
    }


def concept_figure(changed: Changed) -> go.Figure:
    """Bars of every concept that changed, in pictures, the greatest gain on top.

    Pictures and not percent: with one picture a concept, percent would show 100 for a single flip.
    """
    moved = [one for one in changed.concepts if one.pictures]
    figure = go.Figure(
        go.Bar(
            x=[one.pictures for one in moved],
            y=[f"{one.concept} ({one.n})" for one in moved],
            orientation="h",
            marker={"color": [BLUE if one.pictures > 0 else ORANGE for one in moved]},
            customdata=[[one.n, 100 * one.before, 100 * one.after] for one in moved],
            hovertemplate=(
                "%{y}: %{customdata[1]:.0f}% to %{customdata[2]:.0f}% "
                "of %{customdata[0]} pictures<extra></extra>"
            ),
        )
    )
    figure.update_layout(
        height=90 + 20 * max(1, len(moved)),
        margin={"l": 8, "r": 16, "t": 8, "b": 36},
        bargap=0.3,
        xaxis={
            "tickformat": "+d",
            "zeroline": True,
            "tickangle": 0,
            **whole_ticks([one.pictures for one in moved]),
        },
        yaxis={
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
            "type": "category",
            "dtick": 1,
        },
        showlegend=False,
    )
    return figure


def figure_json(figure: go.Figure) -> str:
    """JSON of a figure that is safe inside a script element."""
    figure.update_layout(template=None)
    spec = json.loads(figure.to_json())
    spec["layout"].pop("template", None)
    return json.dumps(spec).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
