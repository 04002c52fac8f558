"""Plotly figures of the report; colours that depend on light and dark are set by report.js."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from glasskit.evaluation.comparison import BETTER, WORSE, Measure, Table

if TYPE_CHECKING:
    from glasskit.evaluation.report import Changed

# Okabe and Ito's palette: told apart with every common colour blindness, on white and on black.
BLUE, ORANGE, GREY = "#3b8fd0", "#e08a1e", "#8b929c"
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
                "array": [100 * (cell.ci95[1] - cell.value) for cell in cells],
                "arrayminus": [100 * (cell.value - cell.ci95[0]) for cell in cells],
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
        xaxis={"ticksuffix": "%", "zeroline": False, "nticks": 6},
        yaxis={"autorange": "reversed", "automargin": True, "showgrid": False, "type": "category"},
        showlegend=False,
    )
    return figure


def concept_figure(changed: Changed) -> go.Figure:
    """Bars of every concept that changed, the greatest gain on top."""
    moved = [one for one in changed.concepts if one.change]
    figure = go.Figure(
        go.Bar(
            x=[100 * one.change for one in moved],
            y=[one.concept for one in moved],
            orientation="h",
            marker={"color": [BLUE if one.change > 0 else ORANGE for one in moved]},
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
        xaxis={"ticksuffix": " pt", "zeroline": True, "nticks": 7},
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
