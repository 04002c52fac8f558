"""Models side by side: every measure in a row, and how a number moves from sample to sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from glasskit.evaluation.comparison import Table
from glasskit.latent.figures_style import SERIES, SYMBOLS, calm


def measures_figure(table: Table, *, title: str = "") -> go.Figure:
    """A row a measure, a mark a model with its 95% interval; the first model is the baseline.

    Args:
        table: of ``compare``.
        title: one line above.
    """
    figure = go.Figure()
    for number, name in enumerate(table.names):
        cells = [table.cell(name, measure) for measure in table.measures]
        lift = 0.24 * ((len(table.names) - 1) / 2 - number)
        rows = [len(table.measures) - place + lift for place in range(len(table.measures))]
        figure.add_scatter(
            x=[100 * cell.value for cell in cells],
            y=rows,
            mode="markers",
            name=name,
            marker={"size": 12, "color": SERIES[number], "symbol": SYMBOLS[number]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [100 * (cell.ci95[1] - cell.value) for cell in cells],
                "arrayminus": [100 * (cell.value - cell.ci95[0]) for cell in cells],
                "thickness": 1.6,
                "width": 0,
            },
            text=[cell.mark or "no clear difference" for cell in cells],
            hovertemplate="%{x:.0f}%, %{text}",
        )
    figure.update_yaxes(
        tickvals=[len(table.measures) - place for place in range(len(table.measures))],
        ticktext=[measure.title for measure in table.measures],
    )
    figure.update_xaxes(ticksuffix="%", title={"text": "share, with 95% interval"})
    calm(figure, height=150 + 52 * len(table.measures), title=title)
    figure.update_layout(
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"}
    )
    return figure


def spread_figure(
    draws: Mapping[str, np.ndarray], *, axis: str, title: str = "", suffix: str = "%"
) -> go.Figure:
    """Histograms of a mean over resamples, one a model.

    Args:
        draws: for each model the means of its resamples.
        axis: what they are of.
        title: one line above.
        suffix: after the numbers.
    """
    figure = go.Figure()
    # Means of a test set move in steps: bins hold whole steps, or some would hold one more.
    found = np.unique(np.concatenate([np.round(values, 9) for values in draws.values()]))
    step = 3 * np.diff(found).min()
    edges = np.arange(found[0] - step / 6, found[-1] + step, step)
    for number, (name, values) in enumerate(draws.items()):
        counts, _ = np.histogram(values, edges)
        figure.add_bar(
            x=((edges[1:] + edges[:-1]) / 2).round(3),
            y=counts,
            name=name,
            marker={"color": SERIES[number], "line": {"width": 0}},
            opacity=0.8,
            hovertemplate="%{x:.1f}: %{y} resamples",
        )
    figure.update_xaxes(title={"text": axis}, ticksuffix=suffix)
    figure.update_yaxes(title={"text": "resamples"})
    calm(figure, height=400, title=title)
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
    )
    return figure


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
    sides = label_sides(list(points), np.array(list(points.values())))
    for number, (name, (across, up)) in enumerate(points.items()):
        first = name == start
        figure.add_scatter(
            x=[round(100 * across, 2)],
            y=[round(100 * up, 2)],
            mode="markers+text",
            text=[name],
            textposition=sides[number],
            textfont={"size": 12},
            name=name,
            showlegend=False,
            marker={
                "size": 15 if first else 12,
                "color": SERIES[0] if first else SERIES[1 + number % (len(SERIES) - 1)],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
            },
            hovertemplate="%{text}: %{x:.0f}%, %{y:.0f}%<extra></extra>",
        )
    if start:
        across, up = points[start]
        for shape in ({"x": 100 * across}, {"y": 100 * up}):
            add = figure.add_vline if "x" in shape else figure.add_hline
            add(**shape, line={"dash": "dot", "width": 1.5, "color": SERIES[0]})
    figure.update_xaxes(title={"text": x}, ticksuffix="%")
    figure.update_yaxes(title={"text": y}, ticksuffix="%")
    return calm(figure, height=600, title=title)


def label_sides(names: Sequence[str], points: np.ndarray) -> list[str]:
    """A side for each name so that names cover neither each other nor a mark, where there is one.

    Places are judged on a plot of 820 x 440 pixels with letters 7 pixels wide; names are placed
    one after another, above, below, right or left, whichever hides least.

    Args:
        names: n texts. points: (n, 2) where their marks are.
    """
    room = np.maximum(np.ptp(points, axis=0), 1e-9)
    marks = (points - points.min(axis=0)) / room * (820, 440)
    boxes = [np.array([x - 8, y - 8, x + 8, y + 8]) for x, y in marks]
    sides = []
    for name, (x, y) in zip(names, marks, strict=True):
        half = 3.5 * len(name)
        choices = {
            "top center": np.array([x - half, y + 9, x + half, y + 25]),
            "bottom center": np.array([x - half, y - 25, x + half, y - 9]),
            "middle right": np.array([x + 10, y - 8, x + 10 + 2 * half, y + 8]),
            "middle left": np.array([x - 10 - 2 * half, y - 8, x - 10, y + 8]),
        }
        side = min(choices, key=lambda one: sum(_covered(choices[one], box) for box in boxes))
        sides.append(side)
        boxes.append(choices[side])
    return sides


def _covered(a: np.ndarray, b: np.ndarray) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    across, up = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(max(across, 0) * max(up, 0))
