"""Losses drawn: similarity matrices with their blocks, and vectors with their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from glasskit.analysis.gradients import Pulls
from glasskit.plots.style import FAINT, INK, SERIES, calm

GROUPS = (SERIES[1], SERIES[2], SERIES[3], SERIES[5], SERIES[4], SERIES[6])
LONGEST = 0.6
"""Length of the longest arrow, where the circle's radius is 1."""

SHORTEST = 0.06
"""A shorter arrow would be hidden by its own mark, and is left out."""

INNER, OUTER = 0.87, 1.07
"""Images and texts that point the same way would hide each other: each kind has its own ring."""


def matrix_figure(
    panels: Mapping[str, np.ndarray | Tensor],
    groups: int,
    *,
    title: str = "",
    names: Sequence[str] = (),
    digits: int | None = None,
) -> go.Figure:
    """Similarities of every image (rows) to every text (columns), own groups framed.

    Args:
        panels: for each title a (B, B) matrix of cosines, group after group.
        groups: M, so that each block has B / M rows.
        title: one line above.
        names: of the groups, along both axes.
        digits: write the numbers into the cells with so many digits, which needs no colour bar.
    """
    figure = make_subplots(1, len(panels), subplot_titles=list(panels))
    for column, matrix in enumerate(panels.values(), start=1):
        values = np.asarray(matrix, dtype=np.float32)
        side = len(values) // groups
        figure.add_heatmap(
            z=np.round(values, 3),
            zmin=-1,
            zmax=1,
            colorscale="Cividis",
            colorbar={"title": {"text": "cosine"}, "thickness": 14},
            showscale=column == len(panels) and digits is None,
            texttemplate=None if digits is None else f"%{{z:.{digits}f}}",
            textfont={"size": 14},
            hovertemplate="image %{y}, text %{x}: %{z:.2f}<extra></extra>",
            row=1,
            col=column,
        )
        for block in range(groups):
            edge = {"x0": block * side - 0.5, "x1": (block + 1) * side - 0.5}
            figure.add_shape(
                type="rect",
                **edge,
                y0=edge["x0"],
                y1=edge["x1"],
                line={"color": "#ff5d3a", "width": 3},
                row=1,
                col=column,
            )
    middles = [(block + 0.5) * len(values) / groups - 0.5 for block in range(groups)]
    named = {"showticklabels": bool(names), "ticks": "", "tickvals": middles, "ticktext": names}
    figure.update_xaxes(**named, title={"text": "texts"}, constrain="domain")
    figure.update_yaxes(
        **named,
        title={"text": "images"},
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
    )
    for column in range(2, len(panels) + 1):
        figure.layout[f"yaxis{column}"].update(title=None, scaleanchor=f"x{column}")
    calm(figure, height=470, title=title)
    figure.update_layout(margin={"t": 100})
    return figure


def pulls_figure(
    panels: Mapping[str, Pulls], *, arrows: bool = True, names: Sequence[str] = (), title: str = ""
) -> go.Figure:
    """Batches of vectors in the plane, on circles, with an arrow for where each one is turned.

    A round mark on the inner ring is an image, a square one on the outer ring a text; a colour is a
    group. Arrows of all panels have one scale, the longest being ``LONGEST``; those below
    ``SHORTEST`` are left out.

    Args:
        panels: a title and a batch of width 2 each.
        arrows: draw minus the gradient at each vector.
        names: of the groups, for the legend.
        title: one line above.
    """
    figure = make_subplots(1, len(panels), subplot_titles=list(panels))
    longest = max(
        max(float(p.image_pull.norm(dim=-1).max()), float(p.text_pull.norm(dim=-1).max()))
        for p in panels.values()
    )
    for column, one in enumerate(panels.values(), start=1):
        turn = np.linspace(0, 2 * np.pi, 121)
        for radius in (INNER, OUTER):
            figure.add_scatter(
                x=(radius * np.cos(turn)).round(4),
                y=(radius * np.sin(turn)).round(4),
                mode="lines",
                line={"color": FAINT, "width": 2},
                hoverinfo="skip",
                showlegend=False,
                row=1,
                col=column,
            )
        for g in range(len(one.image)):
            label = names[g] if names else f"group {g + 1}"
            _marks(figure, column, one, g, label)
            if arrows and longest > 0:
                for vectors, pull in (
                    (INNER * one.image, one.image_pull),
                    (OUTER * one.text, one.text_pull),
                ):
                    _arrows(figure, column, vectors[g], pull[g] * LONGEST / longest, GROUPS[g])
    figure.update_xaxes(visible=False, range=[-1.3, 1.3], constrain="domain")
    figure.update_yaxes(visible=False, range=[-1.22, 1.22])
    for column in range(1, len(panels) + 1):
        mark = "" if column == 1 else str(column)
        figure.layout[f"yaxis{mark}"].scaleanchor = f"x{mark}"
    calm(figure, height=560, title=title)
    figure.update_layout(
        margin={"t": 96, "b": 56},
        legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "top"},
    )
    return figure


def _marks(figure: go.Figure, column: int, one: Pulls, g: int, label: str) -> None:
    for vectors, symbol, what in (
        (INNER * one.image, "circle", "image"),
        (OUTER * one.text, "square", "text"),
    ):
        figure.add_scatter(
            x=vectors[g, :, 0].numpy().round(4),
            y=vectors[g, :, 1].numpy().round(4),
            mode="markers",
            name=f"{label}, {what}s",
            showlegend=column == 1,
            marker={
                "symbol": symbol,
                "size": 14,
                "color": GROUPS[g],
                "line": {"color": "white", "width": 1.5},
            },
            hovertemplate=f"{label}, {what} %{{pointNumber}}<extra></extra>",
            row=1,
            col=column,
        )


def _arrows(figure: go.Figure, column: int, start: Tensor, move: Tensor, colour: str) -> None:
    mark = "" if column == 1 else str(column)
    for (x, y), (dx, dy) in zip(start.tolist(), move.tolist(), strict=True):
        if dx * dx + dy * dy < SHORTEST**2:
            continue
        figure.add_annotation(
            x=round(x + dx, 4),
            y=round(y + dy, 4),
            ax=round(x, 4),
            ay=round(y, 4),
            xref=f"x{mark}",
            yref=f"y{mark}",
            axref=f"x{mark}",
            ayref=f"y{mark}",
            text="",
            showarrow=True,
            arrowhead=2,
            arrowsize=1.1,
            arrowwidth=2.2,
            arrowcolor=colour if colour else INK,
        )
