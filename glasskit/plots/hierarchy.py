"""What has merged, drawn: brackets over words, outlines of patches, and affinity by layer.

H x W patches, w words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from glasskit.io.pictures import data_url
from glasskit.plots.style import INK, SERIES, calm

STROKE = {"color": "#2fbf71", "width": 3}
"""Outlines over pictures, as HiCLIP draws them."""


def spans(log_a: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """First and last word of each part: words whose affinity with the next one is above a threshold
    belong together.

    Args:
        log_a: (w-1,) logs.
        threshold: from 0 to 1; 1 joins nothing.
    """
    cuts = np.flatnonzero(~(np.exp(log_a) > threshold))
    return list(zip([0, *(cuts + 1)], [*cuts, len(log_a)], strict=True))


def bracket_figure(
    words: Sequence[str], log_a: np.ndarray, threshold: float, *, title: str = ""
) -> go.Figure:
    """The words of a caption with a bracket, layer by layer, over each part of two or more.

    Args:
        words: w of them.
        log_a: (layers, w-1) logs of affinities, as `text_layers` gives them.
        threshold: see `spans`; `style.explore` makes it a slider.
    """
    x: list[float | None] = []
    y: list[float | None] = []
    for layer, row in enumerate(log_a, start=1):
        for first, last in spans(row, threshold):
            if last > first:
                ends = (first - 0.3, last + 0.3)
                x += [ends[0], ends[0], ends[1], ends[1], None]
                y += [layer - 0.3, layer, layer, layer - 0.3, None]
    figure = go.Figure(
        go.Scatter(x=x, y=y, mode="lines", line={"color": SERIES[1], "width": 2}, hoverinfo="skip")
    )
    figure.update_xaxes(
        tickvals=list(range(len(words))),
        ticktext=list(words),
        range=(-0.6, len(words) - 0.4),
        showgrid=False,
        zeroline=False,
    )
    layers = list(range(1, len(log_a) + 1))
    figure.update_yaxes(tickvals=layers, range=(0.4, len(log_a) + 0.4), title={"text": "layer"})
    return calm(figure, height=140 + 50 * len(log_a), title=title)


def parts(log_right: np.ndarray, log_down: np.ndarray, threshold: float) -> np.ndarray:
    """(H, W) number of the part of each patch: patches that are joined by affinities above a
    threshold.

    Args:
        log_right: (H, W-1), log_down: (H-1, W) logs.
    """
    place = np.arange(log_down.shape[1] * log_right.shape[0]).reshape(len(log_right), -1)
    right, down = np.exp(log_right) > threshold, np.exp(log_down) > threshold
    start = np.concatenate([place[:, :-1][right], place[:-1][down]])
    end = np.concatenate([place[:, 1:][right], place[1:][down]])
    joined = coo_array((np.ones(len(start)), (start, end)), shape=(place.size, place.size))
    return connected_components(joined, directed=False)[1].reshape(place.shape)


def outline_figure(
    picture: Image.Image,
    log_right: np.ndarray,
    log_down: np.ndarray,
    threshold: float,
    *,
    title: str = "",
) -> go.Figure:
    """A picture with lines between patches of different parts, see `parts`.

    Args:
        picture: as the tower sees it, square.
        log_right: (H, W-1), log_down: (H-1, W) logs of one layer, as `picture_layers` gives them.
    """
    part = parts(log_right, log_down, threshold)
    height, width = part.shape
    x: list[float | None] = []
    y: list[float | None] = []
    for row, column in zip(*np.nonzero(part[:, :-1] != part[:, 1:]), strict=True):
        x += [column + 1, column + 1, None]
        y += [row, row + 1, None]
    for row, column in zip(*np.nonzero(part[:-1] != part[1:]), strict=True):
        x += [column, column + 1, None]
        y += [row + 1, row + 1, None]
    figure = go.Figure(go.Scatter(x=x, y=y, mode="lines", line=STROKE, hoverinfo="skip"))
    box = {"x": 0, "y": 0, "sizex": width, "sizey": height, "xref": "x", "yref": "y"}
    figure.add_layout_image(
        source=data_url(picture, quality=82), layer="below", sizing="stretch", **box
    )
    figure.update_xaxes(visible=False, range=(0, width), constrain="domain")
    figure.update_yaxes(visible=False, range=(height, 0), scaleanchor="x", constrain="domain")
    return calm(figure, height=380, title=title)


def affinity_figure(layers: Mapping[str, Sequence[np.ndarray]], *, title: str = "") -> go.Figure:
    """Mean log affinity by layer: at 0 all has merged, and the prior says nothing any more.

    Args:
        layers: for each name, of each layer the logs of all its edges, of any shape.
    """
    figure = go.Figure()
    for number, (name, rows) in enumerate(layers.items()):
        figure.add_scatter(
            x=list(range(1, len(rows) + 1)),
            y=[float(np.mean(row)) for row in rows],
            name=name,
            mode="lines+markers",
            line={"color": SERIES[1 + number % (len(SERIES) - 1)]},
        )
    figure.add_hline(y=0, line={"dash": "dot", "color": INK, "width": 1.5})
    figure.update_xaxes(title={"text": "layer"}, dtick=1)
    figure.update_yaxes(title={"text": "mean log affinity"})
    return calm(figure, height=340, title=title)
