"""Curves: losses over steps, measures over settings, each with the spread of its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from glasskit.plots.style import INK, SERIES, SYMBOLS, calm


class Curve(NamedTuple):
    """A line, and where it has been measured several times, the range of its values.

    Attributes:
        x, y: (n,) each.
        low, high: (n,) lowest and highest of the repeats, or None.
    """

    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None
    high: Sequence[float] | np.ndarray | None = None


def over_seeds(x: Sequence[float] | np.ndarray, runs: Sequence[Sequence[float]]) -> Curve:
    """The mean of several runs with their lowest and highest values."""
    values = np.asarray(runs, dtype=np.float64)  # (runs, n)
    return Curve(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def curves_figure(
    curves: Mapping[str, Curve],
    *,
    x: str,
    y: str,
    title: str = "",
    level: tuple[str, float] | None = None,
    logarithmic: bool = False,
    first_colour: int = 1,
    suffix: str = "",
) -> go.Figure:
    """Lines with marks that differ, bands for the spread, one level to compare with.

    Args:
        curves: a line each.
        x, y: what the axes show, with their units.
        title: one line above.
        level: a name and a value, drawn as a dotted line.
        logarithmic: the horizontal axis is.
        first_colour: place of the first line's colour in the course's series.
        suffix: after the numbers of the vertical axis; one of shares, "%", begins at 0.
    """
    figure = go.Figure()
    for number, (name, curve) in enumerate(curves.items(), start=first_colour):
        colour = SERIES[number % len(SERIES)]
        at = np.asarray(curve.x, dtype=np.float64)
        if curve.low is not None and curve.high is not None:
            figure.add_scatter(
                x=np.concatenate([at, at[::-1]]),
                y=np.concatenate([curve.low, np.asarray(curve.high)[::-1]]),
                fill="toself",
                fillcolor=_faded(colour),
                line={"width": 0},
                mode="lines",
                showlegend=False,
                hoverinfo="skip",
            )
        many = len(at) > 40
        figure.add_scatter(
            x=at,
            y=np.round(np.asarray(curve.y, dtype=np.float64), 5),
            mode="lines" if many else "lines+markers",
            name=name,
            line={"color": colour, "width": 3},
            marker={"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 9},
        )
    if level is not None:
        figure.add_hline(y=level[1], line={"dash": "dot", "color": INK, "width": 1.5})
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            y=level[1],
            yanchor="middle",
            align="left",
            text=" " + level[0].replace("\n", "<br> "),
            showarrow=False,
        )
    figure.update_xaxes(title={"text": x})
    ticks = sorted({float(value) for curve in curves.values() for value in curve.x})
    if len(ticks) <= 12:  # where it was measured, and nowhere else
        figure.update_xaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    if logarithmic:
        figure.update_xaxes(type="log")
    figure.update_yaxes(title={"text": y}, ticksuffix=suffix)
    if suffix == "%":
        figure.update_yaxes(rangemode="tozero")
    calm(figure, height=430, title=title)
    figure.update_layout(
        margin={"r": 24 if level is None else 120},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"
