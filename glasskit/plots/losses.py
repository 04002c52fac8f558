"""Losses drawn: similarity matrices, vectors with their gradients, curves while a model trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from glasskit.analysis.gradients import Descent
from glasskit.plots.scores import Curve, add_curve
from glasskit.plots.style import FAINT, SERIES, bundle, calm, panels

GROUPS = (SERIES[1], SERIES[2], SERIES[3], SERIES[5], SERIES[4], SERIES[6])
FRAME = "#ff5d3a"

LONGEST = 0.6
"""Length of the longest arrow, where the circle's radius is 1."""

SHORTEST = 0.06
"""A shorter arrow would be hidden by its own mark, and is left out."""

INNER, OUTER = 0.87, 1.07
"""Images and texts that point the same way would hide each other: each kind has its own ring."""


def matrix_figure(
    matrices: Mapping[str, np.ndarray | Tensor],
    groups: Mapping[str, int],
    *,
    title: str = "",
    axes: tuple[str, str] = ("", ""),
    low: float = -1,
    digits: int | None = None,
) -> go.Figure:
    """Square matrices of cosines side by side, groups framed along the diagonal.

    Args:
        matrices: for each title a (B, B) matrix, group after group.
        groups: how many rows each named group has.
        title: one line above.
        axes: what columns and rows are.
        low: cosine of the darkest colour; whatever is lower has it too.
        digits: write the numbers into the cells with so many digits, which needs no colour bar.
    """
    figure = panels(list(matrices))
    ends = np.cumsum([0, *groups.values()]) - 0.5
    for column, matrix in enumerate(matrices.values(), start=1):
        figure.add_heatmap(
            z=np.round(np.asarray(matrix, dtype=np.float32), 3),
            coloraxis="coloraxis",
            texttemplate=None if digits is None else f"%{{z:.{digits}f}}",
            textfont={"size": 14},
            hovertemplate="row %{y}, column %{x}: %{z:.2f}<extra></extra>",
            row=1,
            col=column,
        )
        for start, end in pairwise(ends):
            corners = {"x0": start, "x1": end, "y0": start, "y1": end}
            figure.add_shape(**corners, line={"color": FRAME, "width": 3}, row=1, col=column)
        square = {"scaleanchor": f"x{column}", "autorange": "reversed"}
        figure.update_yaxes(square, row=1, col=column)
    middles = (ends[1:] + ends[:-1]) / 2
    figure.update_xaxes(showticklabels=False, ticks="", constrain="domain", title={"text": axes[0]})
    figure.update_yaxes(showticklabels=False, ticks="", constrain="domain")
    named = {"tickvals": middles, "ticktext": list(groups), "showticklabels": True}
    figure.update_yaxes(named, title={"text": axes[1]}, row=1, col=1)
    if len(matrices) == 1:  # side by side, names below would not have the room
        figure.update_xaxes(named)
    bar = {"title": {"text": "cosine"}, "thickness": 14, "tickvals": [low, (low + 1) / 2, 1]}
    scale = {"cmin": low, "cmax": 1, "colorscale": "Cividis", "colorbar": bar}
    figure.update_layout(coloraxis={**scale, "showscale": digits is None})
    return calm(figure, height=470, title=title).update_layout(margin={"t": 100})


def gradient_figure(
    batches: Mapping[str, Descent],
    *,
    names: Sequence[str],
    arrows: bool = True,
    title: str = "",
) -> go.Figure:
    """Batches of vectors in the plane, on circles, with an arrow for where each one is turned.

    A round mark on the inner ring is an image, a square one on the outer ring a text; a colour is a
    group. Arrows of all panels have one scale, the longest being ``LONGEST``; those below
    ``SHORTEST`` are left out.

    Args:
        batches: a title and a batch of width 2 each.
        names: of the groups, for the legend.
        arrows: draw minus the gradient at each vector.
        title: one line above.
    """
    figure = panels(list(batches))
    steps = torch.stack([step for b in batches.values() for step in (b.image_step, b.text_step)])
    scale = LONGEST / max(float(steps.norm(dim=-1).max()), 1e-12)
    for column, batch in enumerate(batches.values(), start=1):
        place = {"row": 1, "col": column}
        for radius in (INNER, OUTER):
            ring = {"x0": -radius, "x1": radius, "y0": -radius, "y1": radius}
            circle = {"type": "circle", "layer": "below", "line": {"color": FAINT, "width": 2}}
            figure.add_shape(**ring, **circle, **place)
        for g, group in enumerate(names):
            for radius, vectors, step, symbol, what in (
                (INNER, batch.image, batch.image_step, "circle", "images"),
                (OUTER, batch.text, batch.text_step, "square", "texts"),
            ):
                label = f"{group}, {what}"
                look = {"symbol": symbol, "size": 14, "color": GROUPS[g]}
                at = radius * vectors[g]  # (N, 2)
                figure.add_scatter(
                    x=at[:, 0].numpy().round(4),
                    y=at[:, 1].numpy().round(4),
                    mode="markers",
                    name=label,
                    legendgroup=label,
                    showlegend=column == 1,
                    marker={**look, "line": {"color": "white", "width": 1.5}},
                    hovertemplate=f"{label} %{{pointNumber}}<extra></extra>",
                    **place,
                )
                if arrows:
                    _add_arrows(figure, at, scale * step[g], GROUPS[g], label, place)
    figure.update_xaxes(visible=False, range=[-1.3, 1.3], constrain="domain")
    figure.update_yaxes(visible=False, range=[-1.22, 1.22])
    for column in range(1, len(batches) + 1):
        figure.update_yaxes(scaleanchor=f"x{column}", row=1, col=column)
    return calm(figure, height=560, title=title).update_layout(margin={"t": 96})


def _add_arrows(
    figure: go.Figure, start: Tensor, move: Tensor, colour: str, group: str, place: dict[str, int]
) -> None:
    """Arrows from (N, 2) points by (N, 2) moves, in one trace that breaks between them."""
    gap = torch.full_like(start, torch.nan)
    path = torch.stack([start, start + move, gap], dim=1)  # (N, 3, 2)
    path = path[move.norm(dim=-1) >= SHORTEST].reshape(-1, 2)
    if len(path):
        head = {"symbol": "arrow", "angleref": "previous", "size": [0, 13, 0] * (len(path) // 3)}
        figure.add_scatter(
            x=path[:, 0].numpy().round(4),
            y=path[:, 1].numpy().round(4),
            mode="lines+markers",
            line={"color": colour, "width": 2.2},
            marker={**head, "color": colour, "opacity": 1, "line": {"width": 0}},
            legendgroup=group,
            showlegend=False,
            hoverinfo="skip",
            **place,
        )


class LiveCurves:
    """Training loss by step and validation by epoch of one run after another, in one figure.

    Pass ``on_step`` and ``on_epoch`` to ``train``. The figure is drawn anew after each validation,
    and stays as it is at the end.

    Args:
        title: one line above.
    """

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.losses: dict[str, list[tuple[int, float]]] = {}
        self.scores: dict[str, list[tuple[int, float]]] = {}
        self._run = ""
        self._handle: Any = None

    def begin(self, run: str) -> None:
        """Name the run whose lines come next."""
        self._run = run
        self.losses[run], self.scores[run] = [], []

    def on_step(self, line: dict[str, Any]) -> None:
        """Take a log line about a training step."""
        self.losses[self._run].append((line["step"], line["loss"]))

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Take a log line about a validation and draw."""
        self.scores[self._run].append((line["epoch"], line["val"]["top1"]))
        from IPython.display import display

        if self._handle is None:
            self._handle = display(bundle(self.figure()), raw=True, display_id=True)
        else:
            self._handle.update(bundle(self.figure()), raw=True)

    def figure(self) -> go.Figure:
        """What has been logged so far."""
        figure = panels(["training: loss of the batch", "validation: concept top-1"])
        for column, seen, axis, scale in (
            (1, self.losses, "step", 1),
            (2, self.scores, "epoch (0 = untrained)", 100),
        ):
            for number, (run, line) in enumerate(seen.items(), start=1):
                curve = Curve([at for at, _ in line], [scale * value for _, value in line])
                add_curve(figure, number, run, curve, column)
            few = max((line[-1][0] for line in seen.values() if line), default=0) <= 10
            dtick = 1 if few else None  # no half steps
            figure.update_xaxes(title={"text": axis}, dtick=dtick, row=1, col=column)
        figure.update_yaxes(rangemode="tozero")
        figure.update_yaxes(ticksuffix="%", row=1, col=2)
        return calm(figure, height=430, title=self.title).update_layout(margin={"t": 100})
