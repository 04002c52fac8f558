"""Figures of what models can do: shares with intervals, places of the own concept, changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from glasskit.plots.style import GREY, INK, SERIES, SYMBOLS, TEAL, calm


class Share(NamedTuple):
    """A measured share with its 95% interval, 0 to 1.

    Attributes:
        name: of the model or the setting.
        value: the share.
        low, high: its interval.
    """

    name: str
    value: float
    low: float
    high: float


def shares_figure(
    shares: Sequence[Share],
    *,
    chance: float | None = None,
    title: str = "",
    unit: str = "",
    colours: Sequence[str] = SERIES,
) -> go.Figure:
    """Bars of shares with their intervals, and a line where guessing lies.

    Args:
        shares: one bar each, from left to right, in these colours.
        chance: share that guessing gives.
        title: one line above.
        unit: what the shares are of, on the axis.
        colours: of the bars, from the start again where there are more bars.
    """
    figure = go.Figure(
        go.Bar(
            x=[one.name for one in shares],
            y=[100 * one.value for one in shares],
            marker_color=[colours[i % len(colours)] for i in range(len(shares))],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (one.high - one.value) for one in shares],
                "arrayminus": [100 * (one.value - one.low) for one in shares],
                "color": INK,
                "thickness": 1.5,
                "width": 8,
            },
            width=0.6,
            showlegend=False,
        )
    )
    figure.add_scatter(  # above the interval, where no bar is too low or too light for it
        x=[one.name for one in shares],
        y=[100 * one.high for one in shares],
        text=[f"<b>{100 * one.value:.0f}%</b>" for one in shares],
        mode="text",
        textposition="top center",
        textfont={"size": 17},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    if chance is not None:
        figure.add_hline(y=100 * chance, line={"dash": "dot", "color": INK, "width": 1.5})
        figure.add_annotation(
            x=1,
            xref="paper",
            y=100 * chance,
            yanchor="middle",
            xanchor="left",
            text=f" guessing<br> {100 * chance:.1f}%",
            align="left",
            showarrow=False,
        )
    figure.update_yaxes(ticksuffix="%", rangemode="tozero", title={"text": unit})
    calm(figure, height=400, title=title)
    figure.update_xaxes(showgrid=False)
    figure.update_layout(margin={"r": 24 if chance is None else 90})
    return figure


def within_figure(ranks: Mapping[str, np.ndarray], choices: int, *, title: str = "") -> go.Figure:
    """Share of pictures whose own concept is among the first k, for every k.

    Args:
        ranks: for each model the (n,) places of the own concept, 1 the best.
        choices: how many concepts there are to choose among.
        title: one line above.
    """
    k = np.arange(1, choices + 1)
    figure = go.Figure()
    for number, (name, places) in enumerate(ranks.items()):
        figure.add_scatter(
            x=k,
            y=[round(100 * float((places <= most).mean()), 2) for most in k],
            mode="lines+markers",
            name=name,
            line={"color": SERIES[number], "width": 3},
            marker={"symbol": SYMBOLS[number], "size": 7},
            hovertemplate="among the first %{x}: %{y:.0f}%",
        )
    figure.add_scatter(
        x=k,
        y=100 * k / choices,
        mode="lines",
        name="guessing",
        line={"color": INK, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    figure.update_xaxes(title={"text": "k: the own concept is among the first k"}, dtick=5)
    figure.update_yaxes(ticksuffix="%", range=[0, 102], title={"text": "share of pictures"})
    calm(figure, height=420, title=title)
    figure.update_layout(legend={"x": 0.98, "xanchor": "right", "y": 0.05, "yanchor": "bottom"})
    return figure


class Change(NamedTuple):
    """A value of one thing before and after.

    Attributes:
        name: the thing.
        before, after: its values.
    """

    name: str
    before: float
    after: float


def change_figure(
    changes: Sequence[Change],
    *,
    names: tuple[str, str] = ("untrained", "trained"),
    title: str = "",
    axis: str = "",
) -> go.Figure:
    """Two dots a row with a line between them: where it was, where it is now.

    Args:
        changes: one row each, from the top.
        names: what the two dots are.
        title: one line above.
        axis: what the values are, with their unit.
    """
    figure = go.Figure()
    rows = [one.name for one in changes]
    for one in changes:
        figure.add_scatter(
            x=[one.before, one.after],
            y=[one.name, one.name],
            mode="lines",
            line={"color": TEAL if one.after >= one.before else "#c04a79", "width": 2},
            opacity=0.5,
            showlegend=False,
            hoverinfo="skip",
        )
    for name, values, colour, symbol in (
        (names[0], [one.before for one in changes], GREY, "circle"),
        (names[1], [one.after for one in changes], TEAL, "diamond"),
    ):
        figure.add_scatter(
            x=values,
            y=rows,
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate="%{y}: %{x:.2f}",
        )
    figure.update_yaxes(range=[len(changes) - 0.4, -0.6], type="category", dtick=1)
    figure.update_xaxes(title={"text": axis})
    calm(figure, height=165 + 23 * len(changes), title=title)
    figure.update_yaxes(tickfont={"size": 14})
    figure.update_layout(
        margin={"t": 104},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"},
    )
    return figure
