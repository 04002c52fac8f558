"""Models side by side: every measure in a row, and how a number moves from sample to sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from glasskit.evaluation.comparison import Table
from glasskit.plots.style import SERIES, SYMBOLS, calm, whiskers, whole_ticks


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
            error_x=whiskers(cells),
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


def spread_figure(draws: Mapping[str, np.ndarray], *, axis: str, title: str = "") -> go.Figure:
    """Histograms of a mean over resamples, one a model.

    Args:
        draws: for each model the means of its resamples, in percent.
        axis: what they are of.
        title: one line above.
    """
    figure = go.Figure()
    most = 0
    # Means of a test set move in steps: bins hold whole steps, or some would hold one more.
    found = np.unique(np.concatenate([np.round(values, 9) for values in draws.values()]))
    step = 3 * np.diff(found).min()
    edges = np.arange(found[0] - step / 6, found[-1] + step, step)
    for number, (name, values) in enumerate(draws.items()):
        counts, _ = np.histogram(values, edges)
        most = max(most, int(counts.max()))
        figure.add_bar(
            x=((edges[1:] + edges[:-1]) / 2).round(3),
            y=counts,
            name=name,
            marker={"color": SERIES[number], "line": {"width": 0}},
            opacity=0.8,
            hovertemplate="%{x:.1f}: %{y} resamples",
        )
    figure.update_xaxes(title={"text": axis}, ticksuffix="%")
    figure.update_yaxes(title={"text": "resamples"}, **whole_ticks([most]))
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
    for number, (name, (across, up)) in enumerate(points.items()):
        first = name == start
        figure.add_scatter(
            x=[round(100 * across, 2)],
            y=[round(100 * up, 2)],
            mode="markers",
            name=name,
            showlegend=False,
            marker={
                "size": 15 if first else 13,
                "color": SERIES[0] if first else SERIES[1 + number % (len(SERIES) - 1)],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
            },
            hovertemplate="%{x:.0f}%, %{y:.0f}%",
        )
    shares = 100 * np.array(list(points.values()))
    for name, (across, up), (right, above) in zip(
        points, shares, label_places(list(points), shares), strict=True
    ):
        figure.add_annotation(
            x=round(across, 2),
            y=round(up, 2),
            ax=right,
            ay=-above,
            text=name,
            font={"size": 14},
            borderpad=1,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=SERIES[0],
            standoff=8,
        )
    if start:
        across, up = points[start]
        for shape in ({"x": 100 * across}, {"y": 100 * up}):
            add = figure.add_vline if "x" in shape else figure.add_hline
            add(**shape, line={"dash": "dot", "width": 1.5, "color": SERIES[0]})
    figure.update_xaxes(title={"text": x}, ticksuffix="%")
    figure.update_yaxes(title={"text": y}, ticksuffix="%")
    return calm(figure, height=600, title=title)


PLOT = (820, 440)
"""Pixels of the plot that names are placed for, and of a letter and a line of text."""
LETTER, LINE = 7.6, 19
DISTANCES = (22, 34, 48, 64, 84, 106)


def label_places(names: Sequence[str], points: np.ndarray) -> np.ndarray:
    """Where each name stands beside its mark, so that names cover neither each other nor a mark.

    Names are placed one after another, those with the most marks around them first: of eight
    directions and several distances the one that hides least, and of these the nearest.

    Args:
        names: n texts. points: (n, 2) where their marks are.

    Returns:
        (n, 2) pixels from the mark to the middle of its name, to the right and up.
    """
    room = np.maximum(np.ptp(points, axis=0), 1e-9)
    marks = (points - points.min(axis=0)) / room * PLOT  # (n, 2)
    boxes = [np.array([x - 9, y - 9, x + 9, y + 9]) for x, y in marks]
    crowd = (np.abs(marks[:, None] - marks) < (150, 60)).all(axis=-1).sum(axis=1)
    places = np.zeros((len(names), 2))
    for i in np.argsort(-crowd, kind="stable"):
        half = np.array([LETTER * len(names[i]) / 2, LINE / 2])
        best = np.inf
        for far in DISTANCES:
            for right, up in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
                # From the mark's edge to the name's edge, so that long names are as near as short.
                shift = np.array([right * (half[0] + far - 10), up * far])
                box = np.concatenate([marks[i] + shift - half, marks[i] + shift + half])
                cost = far + sum(_covered(box, other) for other in boxes) + _outside(box)
                if cost < best:
                    best, places[i], chosen = cost, shift, box
        boxes.append(chosen)
    return places.round(1)


def _outside(box: np.ndarray) -> float:
    """What a name costs that stands beyond the plot, where there is little room for it."""
    low, high = np.minimum(box[:2] + 25, 0), np.minimum(np.array(PLOT) + 25 - box[2:], 0)
    return float(-20 * (low.sum() + high.sum()))


def _covered(a: np.ndarray, b: np.ndarray) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    across, up = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(max(across, 0) * max(up, 0))
