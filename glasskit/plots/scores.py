"""Figures of what models can do: shares with intervals, curves, changes, models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from glasskit.evaluation.comparison import Cell, Table
from glasskit.plots.style import (
    DOTTED,
    GREY,
    INK,
    PINK,
    SERIES,
    SYMBOLS,
    TEAL,
    calm,
    label_places,
    level_line,
    whiskers,
)


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
    names = [one.name for one in shares]
    cells = [Cell(one.value, [one.low, one.high]) for one in shares]
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=[100 * one.value for one in shares],
        marker_color=[colours[i % len(colours)] for i in range(len(shares))],
        error_y=whiskers(cells) | {"color": INK, "width": 8},
        width=0.6,
    )
    figure.add_scatter(  # above the interval, where no bar is too low or too light for it
        x=names,
        y=[100 * one.high for one in shares],
        text=[f"<b>{100 * one.value:.0f}%</b>" for one in shares],
        mode="text",
        textposition="top center",
        textfont={"size": 17},
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.update_yaxes(ticksuffix="%", rangemode="tozero", title={"text": unit})
    figure.update_xaxes(showgrid=False)
    figure.update_layout(showlegend=False)
    calm(figure, height=400, title=title)
    if chance is not None:
        level_line(figure, 100 * chance, f"guessing\n{100 * chance:.1f}%")
    return figure


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


def add_curve(
    figure: go.Figure, number: int, name: str, curve: Curve, column: int | None = None
) -> None:
    """Draw a curve in the colour of its number, with a band for its spread.

    Args:
        figure: changed in place.
        number: place of its colour and symbol in the series.
        name: in the legend, where the curve stands once however many panels have it.
        curve: what is drawn; marks stand on it where it has at most 40 points.
        column: of the panel that it is drawn in, from 1; None: the figure has no panels.
    """
    colour = SERIES[number % len(SERIES)]
    place = {"row": column and 1, "col": column}
    at = np.asarray(curve.x, dtype=np.float64)
    if curve.low is not None and curve.high is not None:
        figure.add_scatter(
            x=np.concatenate([at, at[::-1]]),
            y=np.concatenate([curve.low, np.asarray(curve.high)[::-1]]),
            fill="toself",
            fillcolor=colour,
            opacity=0.18,
            line={"width": 0},
            mode="lines",
            showlegend=False,
            hoverinfo="skip",
            **place,
        )
    figure.add_scatter(
        x=at,
        y=np.round(np.asarray(curve.y, dtype=np.float64), 5),
        mode="lines" if len(at) > 40 else "lines+markers",
        name=name,
        legendgroup=name,
        showlegend=None if column in (None, 1) else False,
        line={"color": colour, "width": 3},
        marker={"symbol": SYMBOLS[number % len(SYMBOLS)], "size": 9},
        **place,
    )


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
        first_colour: place of the first line's colour in the series.
        suffix: after the numbers of the vertical axis; one of shares, "%", begins at 0.
    """
    figure = go.Figure()
    for number, (name, curve) in enumerate(curves.items(), start=first_colour):
        add_curve(figure, number, name, curve)
    figure.update_xaxes(title={"text": x}, type="log" if logarithmic else "linear")
    ticks = sorted({float(value) for curve in curves.values() for value in curve.x})
    if len(ticks) <= 12:  # where it was measured, and nowhere else
        figure.update_xaxes(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    figure.update_yaxes(title={"text": y}, ticksuffix=suffix)
    if suffix == "%":
        figure.update_yaxes(rangemode="tozero")
    calm(figure, height=430, title=title)
    if level is not None:
        level_line(figure, level[1], level[0])
    return figure


def within_figure(ranks: Mapping[str, np.ndarray], choices: int, *, title: str = "") -> go.Figure:
    """Share of pictures whose own concept is among the first k, for every k.

    Args:
        ranks: for each model the (n,) places of the own concept, 1 the best.
        choices: how many concepts there are to choose among.
        title: one line above.
    """
    k = np.arange(1, choices + 1)
    curves = {
        name: Curve(k, [round(100 * float((places <= most).mean()), 2) for most in k])
        for name, places in ranks.items()
    }
    x, y = "k: the own concept is among the first k", "share of pictures"
    figure = curves_figure(curves, x=x, y=y, suffix="%", first_colour=0, title=title)
    figure.add_scatter(x=k, y=100 * k / choices, mode="lines", name="guessing", line=DOTTED)
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
    for one in changes:
        figure.add_scatter(
            x=[one.before, one.after],
            y=[one.name, one.name],
            mode="lines",
            line={"color": TEAL if one.after >= one.before else PINK, "width": 2},
            opacity=0.5,
            showlegend=False,
            hoverinfo="skip",
        )
    for column, name in enumerate(names, start=1):
        figure.add_scatter(
            x=[one[column] for one in changes],
            y=[one.name for one in changes],
            mode="markers",
            name=name,
            marker={"color": SERIES[column - 1], "symbol": SYMBOLS[column - 1], "size": 11},
            hovertemplate="%{y}: %{x:.2f}",
        )
    figure.update_yaxes(range=[len(changes) - 0.4, -0.6], type="category", dtick=1)
    figure.update_yaxes(tickfont={"size": 14})
    figure.update_xaxes(title={"text": axis})
    return calm(figure, height=165 + 23 * len(changes), title=title)


def rows_figure(rows: Mapping[str, Sequence[Cell]], measures: Sequence[str]) -> go.Figure:
    """A row a measure, from the top; in it a mark of each name with its 95% interval, in percent.

    Args:
        rows: a cell a measure, by name.
        measures: what the rows are called.
    """
    figure = go.Figure()
    for number, (name, cells) in enumerate(rows.items()):
        figure.add_scatter(
            x=[100 * cell.value for cell in cells],
            y=measures,
            orientation="h",
            mode="markers",
            name=name,
            marker={"size": 12, "color": SERIES[number], "symbol": SYMBOLS[number]},
            error_x=whiskers(cells),
        )
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(scattermode="group", scattergap=0.35)  # one below the other


def measures_figure(table: Table, *, title: str = "") -> go.Figure:
    """A row a measure, a mark a model with its 95% interval; the first model is the baseline.

    Args:
        table: of ``compare``.
        title: one line above.
    """
    rows = {name: [table.cell(name, measure) for measure in table.measures] for name in table.names}
    figure = rows_figure(rows, [measure.title for measure in table.measures])
    for trace, cells in zip(figure.data, rows.values(), strict=True):
        trace.text = [cell.mark or "no clear difference" for cell in cells]
    figure.update_traces(hovertemplate="%{x:.0f}%, %{text}")
    figure.update_xaxes(ticksuffix="%", title={"text": "share, with 95% interval"})
    return calm(figure, height=150 + 52 * len(table.measures), title=title)


def spread_figure(draws: Mapping[str, np.ndarray], *, axis: str, title: str = "") -> go.Figure:
    """Histograms of a mean over resamples, one a model.

    Args:
        draws: for each model the means of its resamples, in percent.
        axis: what they are of.
        title: one line above.
    """
    # Means of a test set move in steps: bins hold whole steps, or some would hold one more.
    found = np.unique(np.concatenate([np.round(values, 9) for values in draws.values()]))
    step = 3 * np.diff(found).min()
    bins = {"start": found[0] - step / 6, "end": found[-1] + step, "size": step}
    figure = go.Figure()
    for number, (name, values) in enumerate(draws.items()):
        look = {"color": SERIES[number], "line": {"width": 0}}
        figure.add_histogram(x=values, xbins=bins, name=name, marker=look, opacity=0.8)
    figure.update_traces(hovertemplate="%{x}: %{y} resamples")
    figure.update_xaxes(title={"text": axis}, ticksuffix="%")
    figure.update_yaxes(title={"text": "resamples"}, tickformat="d")
    figure.update_layout(barmode="overlay", bargap=0)
    return calm(figure, height=400, title=title)


def trade_figure(
    points: Mapping[str, tuple[float, float]], *, x: str, y: str, title: str = "", start: str = ""
) -> go.Figure:
    """Models as named points of two measures in percent: what is gained against what is kept.

    Args:
        points: (x, y) of each model, 0 to 1.
        x, y: what the two are.
        title: one line above.
        start: name of the point that all training began from, drawn in grey with cross lines.
    """
    figure = go.Figure()
    shares = (100 * np.array(list(points.values()))).round(2)
    places = label_places(list(points), shares)
    for number, (name, (across, up)) in enumerate(zip(points, shares, strict=True)):
        colour = GREY if name == start else SERIES[1 + number % (len(SERIES) - 1)]
        figure.add_scatter(
            x=[across],
            y=[up],
            mode="markers",
            name=name,
            marker={"size": 14, "color": colour, "symbol": SYMBOLS[number % len(SYMBOLS)]},
            hovertemplate="%{x:.1f}%, %{y:.1f}%",
        )
        figure.add_annotation(
            x=across,
            y=up,
            ax=places[number, 0],
            ay=-places[number, 1],
            text=name,
            font={"size": 14},
            borderpad=1,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=GREY,
            standoff=8,
        )
        if name == start:
            figure.add_vline(x=across, line=DOTTED | {"color": GREY})
            figure.add_hline(y=up, line=DOTTED | {"color": GREY})
    figure.update_xaxes(title={"text": x}, ticksuffix="%")
    figure.update_yaxes(title={"text": y}, ticksuffix="%")
    figure.update_layout(showlegend=False)
    return calm(figure, height=600, title=title).update_layout(margin={"b": 84})
