"""Plotly figures of the latent space, for notebooks: the app draws its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from glasskit.analysis.geometry import pairwise
from glasskit.data.grouped import GroupedDataset
from glasskit.plots.palette import UNNAMED, family_level, level_colours
from glasskit.plots.style import GREY, INK, TEAL, calm, show

MANY = 5_000
"""Dots from which on a map is drawn by WebGL, of which a page has few contexts."""

__all__ = ["bars_figure", "map_figure", "show", "similarity_figure"]


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
    level = level or family_level(dataset.concepts)
    colours = level_colours(dataset.concepts, level)
    labels = [dataset.by_name[record.concept].levels[level - 1] for record in dataset.records]
    panels = [panel for panel, _, _ in maps] if len(maps) > 1 or not title else None
    figure = make_subplots(1, len(maps), subplot_titles=panels)
    add_dots = figure.add_scattergl if len(dataset) * len(maps) > MANY else figure.add_scatter
    hover = [_hover(record.captions[0], record.concept) for record in dataset.records]
    for column, (_, pictures, concepts) in enumerate(maps, start=1):
        for label in [*colours, None]:
            rows = [i for i, own in enumerate(labels) if own == label]
            if not rows:
                continue
            add_dots(
                x=pictures[rows, 0],
                y=pictures[rows, 1],
                mode="markers",
                name=label or "no label",
                legendgroup=label or "no label",
                showlegend=column == 1,
                marker={"size": 7, "color": colours.get(label, UNNAMED), "opacity": 0.85},
                customdata=rows,
                hovertext=[hover[i] for i in rows],
                hoverinfo="text",
                row=1,
                col=column,
            )
        if names:
            figure.add_scatter(
                x=concepts[:, 0],
                y=concepts[:, 1],
                mode="markers+text",
                text=list(dataset.labels(1)),
                textposition=_sides(concepts),
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
    calm(figure, height=height, title=title)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": -0.01, "yanchor": "top"})
    return _below_title(figure)


def bars_figure(
    before: Sequence[tuple[str, float]],
    after: Sequence[tuple[str, float]],
    own: str = "",
    title: str = "",
) -> go.Figure:
    """Concept scores of one picture before and after training, two panels with one scale.

    Args:
        before: (name, score), best first.
        after: the same of the trained model.
        own: the picture's own concept, which is drawn in full colour.
        title: one line above.
    """
    figure = make_subplots(1, 2, subplot_titles=["before training", "after training"])
    for column, rows in enumerate((before, after), start=1):
        names = [name for name, _ in rows][::-1]
        scores = [score for _, score in rows][::-1]
        paint = [TEAL if name == own else GREY for name in names]
        figure.add_bar(
            x=scores,
            y=names,
            orientation="h",
            marker_color=paint,
            text=[f"{score:.2f}" for score in scores],
            textposition="outside",
            cliponaxis=False,
            showlegend=False,
            row=1,
            col=column,
        )
    most = max(score for _, score in [*before, *after])
    figure.update_xaxes(range=[0, 1.15 * max(most, 1e-6)], title="cosine similarity")
    return _below_title(calm(figure, height=380 if title else 330, title=title))


def similarity_figure(
    before: np.ndarray,
    after: np.ndarray,
    captions: Sequence[str] | None = None,
    *,
    groups: Mapping[str, int] | None = None,
    title: str = "",
) -> go.Figure:
    """Pairwise cosine similarity of pictures before and after training.

    Args:
        before: (n, L) vectors.
        after: (n, L) vectors of the same pictures by the other model.
        captions: n texts shown on hover.
        groups: names of the groups in the order of the rows, with how many rows each has.
        title: one line above.
    """
    figure = make_subplots(1, 2, subplot_titles=["before training", "after training"])
    texts = [_hover(text, "") for text in captions] if captions is not None else None
    for column, vectors in enumerate((before, after), start=1):
        figure.add_heatmap(
            z=pairwise(vectors),
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            showscale=column == 2,
            colorbar={
                "title": {"text": "cosine"},
                "thickness": 14,
                "tickvals": [0, 0.5, 1],
                "ticktext": ["0 or less", "0.5", "1"],
            },
            hovertext=None if texts is None else [[f"{a}<br>{b}" for b in texts] for a in texts],
            hovertemplate="%{z:.2f}<br>%{hovertext}<extra></extra>" if texts else None,
            row=1,
            col=column,
        )
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, constrain="domain")
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False, constrain="domain")
    figure.update_yaxes(autorange="reversed")
    figure.layout.yaxis.scaleanchor, figure.layout.yaxis2.scaleanchor = "x", "x2"
    if groups:
        _name_blocks(figure, groups)
    return _below_title(calm(figure, height=440 if title else 380, title=title))


def _name_blocks(figure: go.Figure, groups: Mapping[str, int]) -> None:
    """Names beside the blocks of the left panel, white lines between the blocks of both."""
    ends = np.cumsum(list(groups.values()))
    middles = ends - np.array(list(groups.values())) / 2 - 0.5
    for end in ends[:-1] - 0.5:
        figure.add_hline(y=end, line={"color": "white", "width": 2}, row=1, col="all")
        figure.add_vline(x=end, line={"color": "white", "width": 2}, row=1, col="all")
    named = {"tickvals": middles, "ticktext": list(groups), "showticklabels": True}
    figure.update_yaxes(**named, row=1, col=1)


def _hover(caption: str, concept: str) -> str:
    text = "<br>".join(escape(line) for line in wrap(caption, 48))
    return f"<b>{escape(concept)}</b><br>{text}" if concept else text


def _below_title(figure: go.Figure) -> go.Figure:
    """Room for the titles of panels below the title of all."""
    if figure.layout.title.text:
        figure.update_layout(margin={"t": 100})
    return figure


def _sides(places: np.ndarray) -> list[str]:
    """Where each name stands: below its point where an earlier name stands close by, else above."""
    reach = np.ptp(places, axis=0) * (0.18, 0.05) if len(places) else np.zeros(2)
    sides: list[str] = []
    for number, place in enumerate(places):
        near = (np.abs(places[:number] - place) < reach).all(axis=1)
        taken = {sides[other] for other in np.flatnonzero(near)}
        sides.append("bottom center" if taken == {"top center"} else "top center")
    return sides
