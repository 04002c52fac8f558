"""What is in a grouped data set: its taxonomy, and the groups that a batch is made of."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from glasskit.data.grouped import GroupedDataset
from glasskit.data.sampler import EpochPlan
from glasskit.plots.palette import FAMILY_COLOURS, family_level, level_colours, shade
from glasskit.plots.style import calm


def taxonomy_figure(dataset: GroupedDataset, *, title: str = "") -> go.Figure:
    """The taxonomy as rings, general inside, specific outside; a sector is as wide as its pictures.

    Args:
        dataset: every concept must have a name at each level.
        title: one line above.
    """
    counts = {name: len(rows) for name, rows in dataset.groups().items()}
    hues = level_colours(dataset.concepts, family_level(dataset.concepts))
    place = family_level(dataset.concepts) - 1
    sectors: dict[tuple[str, ...], int] = {}
    paint: dict[tuple[str, ...], str] = {}
    for concept in dataset.concepts:
        path = tuple(str(name) for name in reversed(concept.levels))
        for depth in range(1, len(path) + 1):
            sectors[path[:depth]] = sectors.get(path[:depth], 0) + counts.get(concept.name, 0)
            own = hues[str(concept.levels[place])]
            paint.setdefault(path[:depth], shade(own, 0.12 * (depth - 1)))
    figure = go.Figure(
        go.Sunburst(
            ids=["/".join(path) for path in sectors],
            labels=[path[-1] for path in sectors],
            parents=["/".join(path[:-1]) for path in sectors],
            values=list(sectors.values()),
            branchvalues="total",
            marker={"colors": list(paint.values()), "line": {"color": "white", "width": 1}},
            insidetextorientation="radial",
            hovertemplate="%{label}: %{value} pictures<extra></extra>",
        )
    )
    calm(figure, height=720, title=title)
    figure.update_layout(margin={"t": 60, "b": 16}, font={"size": 15})
    return figure


def plan_figure(dataset: GroupedDataset, plan: EpochPlan, *, title: str = "") -> go.Figure:
    """Which concepts meet in each step of an epoch: a square a group, coloured by its family.

    Args:
        dataset: the records that the plan was made for.
        plan: of one epoch.
        title: one line above.
    """
    level = family_level(dataset.concepts)
    families = dataset.labels(level)
    place = {name: i for i, name in enumerate(families)}
    concepts = np.array([[dataset.records[group[0]].concept for group in s] for s in plan.records])
    family = np.array(
        [[place[str(dataset.by_name[c].levels[level - 1])] for c in step] for step in concepts]
    )
    figure = go.Figure()
    for number, name in enumerate(families):
        steps, slots = np.nonzero(family == number)
        figure.add_scatter(
            x=steps + 1,
            y=slots + 1,
            mode="markers",
            name=name,
            marker={"symbol": "square", "size": 24, "color": FAMILY_COLOURS[number]},
            text=concepts[steps, slots],
            hovertemplate="step %{x}: %{text}<extra></extra>",
        )
    figure.update_xaxes(title={"text": "step of the epoch"}, dtick=1, showgrid=False)
    figure.update_xaxes(range=[0.3, len(plan) + 0.7])
    figure.update_yaxes(title={"text": "group of the batch"}, dtick=1, showgrid=False)
    return calm(figure, height=430, title=title)
