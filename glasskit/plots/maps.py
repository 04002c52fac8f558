"""Maps of the latent space, the taxonomy as rings, and the plan of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go

from glasskit.data.grouped import GroupedDataset
from glasskit.data.sampler import EpochPlan
from glasskit.plots.style import (
    FAMILY_COLOURS,
    INK,
    UNNAMED,
    calm,
    family_level,
    label_places,
    level_colours,
    panels,
    shade,
)

MANY = 5_000
"""Dots from which on a map is drawn by WebGL, of which a page has few contexts."""


def map_figure(
    dataset: GroupedDataset,
    maps: Sequence[tuple[str, np.ndarray, np.ndarray]],
    *,
    level: int | None = None,
    names: bool = True,
    title: str = "",
    height: int = 520,
) -> go.Figure:
    """Maps side by side, one point a picture, coloured by a level of the taxonomy.

    Args:
        dataset: whose pictures they are.
        maps: for each map its title, (n, 2) places of the pictures, (c, 2) of the concepts.
        level: 1 to 4; the most general with 5 to 12 labels where none is given.
        names: write the names of concepts at their places.
        title: one line above.
        height: in pixels.
    """
    level = level or family_level(dataset)
    colours = level_colours(dataset, level) | {"no label": UNNAMED}
    labels = [dataset.by_name[r.concept].levels[level - 1] or "no label" for r in dataset.records]
    hover = [
        f"<b>{escape(r.concept)}</b><br>{'<br>'.join(map(escape, wrap(r.captions[0], 48)))}"
        for r in dataset.records
    ]
    figure = panels([panel if len(maps) > 1 or not title else "" for panel, _, _ in maps])
    dots = go.Scattergl if len(dataset) * len(maps) > MANY else go.Scatter
    for column, (_, pictures, concepts) in enumerate(maps, start=1):
        for label, colour in colours.items():
            rows = [i for i, own in enumerate(labels) if own == label]
            if rows:
                trace = dots(
                    x=pictures[rows, 0],
                    y=pictures[rows, 1],
                    mode="markers",
                    name=label,
                    legendgroup=label,
                    showlegend=column == 1,
                    marker={"size": 7, "color": colour, "opacity": 0.85},
                    customdata=rows,
                    hovertext=[hover[i] for i in rows],
                    hoverinfo="text",
                )
                figure.add_trace(trace, row=1, col=column)
        if names:
            figure.add_scatter(
                x=concepts[:, 0],
                y=concepts[:, 1],
                mode="markers+text",
                text=list(dataset.labels(1)),
                textposition=_sides(dataset.labels(1), concepts),
                textfont={"size": 13, "color": INK},
                marker={"symbol": "diamond", "size": 6, "color": INK},
                name="concept names",
                showlegend=column == 1,
                hoverinfo="text",
                row=1,
                col=column,
            )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return calm(figure, height, title).update_layout(margin={"t": 100})


def _sides(names: Sequence[str], places: np.ndarray) -> list[str]:
    """On which side of its mark each name stands, in Plotly's words."""
    across, up = np.sign(label_places(names, places, distances=(12,))).T.astype(int)
    rows, columns = ("middle", "top", "bottom"), ("center", "right", "left")  # of 0, 1 and -1
    return [f"{rows[y]} {columns[x]}" for x, y in zip(across, up, strict=True)]


def taxonomy_figure(dataset: GroupedDataset, *, title: str = "") -> go.Figure:
    """The taxonomy as rings, general inside, specific outside; a sector is as wide as its pictures.

    Args:
        dataset: every concept must have a name at each level.
        title: one line above.
    """
    counts = {name: len(rows) for name, rows in dataset.groups().items()}
    level = family_level(dataset)
    hues = level_colours(dataset, level)
    sectors: dict[tuple[str, ...], int] = {}
    paint: dict[tuple[str, ...], str] = {}
    for concept in dataset.concepts:
        path = tuple(str(name) for name in reversed(concept.levels))
        for depth in range(1, len(path) + 1):
            sectors[path[:depth]] = sectors.get(path[:depth], 0) + counts.get(concept.name, 0)
            own = hues[str(concept.levels[level - 1])]
            paint.setdefault(path[:depth], shade(own, 0.12 * (depth - 1)))
    rings = go.Sunburst(
        ids=["/".join(path) for path in sectors],
        labels=[path[-1] for path in sectors],
        parents=["/".join(path[:-1]) for path in sectors],
        values=list(sectors.values()),
        branchvalues="total",
        marker={"colors": list(paint.values()), "line": {"color": "white", "width": 1}},
        insidetextorientation="radial",
        hovertemplate="%{label}: %{value} pictures<extra></extra>",
    )
    return calm(go.Figure(rings), height=720, title=title).update_layout(margin={"b": 16})


def plan_figure(dataset: GroupedDataset, plan: EpochPlan, *, title: str = "") -> go.Figure:
    """Which concepts meet in each step of an epoch: a square a group, coloured by its family.

    Args:
        dataset: the records that the plan was made for.
        plan: of one epoch.
        title: one line above.
    """
    level = family_level(dataset)
    families = dataset.labels(level)
    own = np.array([families.index(str(c.levels[level - 1])) for c in dataset.concepts])
    names = np.array(dataset.labels(1))
    figure = go.Figure()
    for number, name in enumerate(families):
        steps, places = np.nonzero(own[plan.concepts] == number)
        figure.add_scatter(
            x=steps + 1,
            y=places + 1,
            mode="markers",
            name=name,
            marker={"symbol": "square", "size": 24, "color": FAMILY_COLOURS[number]},
            text=names[plan.concepts[steps, places]],
            hovertemplate="step %{x}: %{text}<extra></extra>",
        )
    steps_axis = {"title": {"text": "step of the epoch"}, "range": [0.3, len(plan) + 0.7]}
    figure.update_xaxes(steps_axis, dtick=1, showgrid=False)
    slots = plan.concepts.shape[1]
    slots_axis = {"title": {"text": "group of the batch"}, "range": [0.3, slots + 0.7]}
    figure.update_yaxes(slots_axis, dtick=1, showgrid=False)
    return calm(figure, height=max(430, 175 + 28 * slots), title=title)
