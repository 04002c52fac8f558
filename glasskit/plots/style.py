"""One look for all figures: colours, fonts and grid, where labels stand, and `show`.

A figure brings its own light ground and dark ink, so that it reads the same on a light page, on a
dark page and on a projector.

Nobody tells 50 colours apart. So a level of at most 12 labels has hues that differ for colour-blind
eyes too, a finer one has shades of its family's hue, and names stand on the map as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import LEVELS

if TYPE_CHECKING:
    from glasskit.evaluation.comparison import Cell

PAPER = "#faf8f4"
INK = "#24221f"
FAINT = "#e3ddd2"

GREY, TEAL, ORANGE, PINK = "#948d82", "#1f7a7a", "#dd7a17", "#c04a79"
SERIES = (GREY, TEAL, ORANGE, "#7d4f9e", "#4aa3df", "#8a5a2b", PINK, "#6b7f2a")
"""Told apart with the common colour blindnesses; symbols and labels say the same again."""

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x", "triangle-down")
DOTTED = {"dash": "dot", "color": INK, "width": 1.5}
MIMETYPE = "application/vnd.plotly.v1+json"

FAMILY_COLOURS = (
    "#7280f1",  # periwinkle
    "#e6a611",  # gold
    "#893d9e",  # purple
    "#5b9c8c",  # sage
    "#885736",  # brown
    "#50e1d3",  # turquoise
    "#cd6c1c",  # orange
    "#52b8fc",  # sky
    "#d990c5",  # pink
    "#317d74",  # teal
    "#abbc88",  # olive
    "#a467bc",  # violet
)
"""Found by search for twelve colours, readable on light and dark, of which any two differ by more
than 0.1 in OKLab, for full colour vision and, weighted 1.25, for deuteranopia and protanopia
(Machado et al. 2009); the first six by more than 0.18."""

UNNAMED = "#999999"
"""For records whose data set names no label at a level."""


def level_colours(dataset: GroupedDataset, level: int) -> dict[str, str]:
    """A colour for every label of one level (1 to 4), as ``#rrggbb``.

    A level of at most 12 labels has a hue for each. Labels of a finer one are lighter and darker
    shades of the hue of their family: their label at the most specific level that has hues.
    """
    labels = dataset.labels(level)
    if len(labels) <= len(FAMILY_COLOURS):
        return dict(zip(labels, FAMILY_COLOURS, strict=False))
    coarser = range(level + 1, len(LEVELS) + 1)
    hued = [n for n in coarser if 1 <= len(dataset.labels(n)) <= len(FAMILY_COLOURS)]
    if not hued:  # no level is coarse enough: hues repeat, and names on the map tell them apart
        return {label: FAMILY_COLOURS[i % len(FAMILY_COLOURS)] for i, label in enumerate(labels)}
    hues = level_colours(dataset, hued[0])
    families: dict[str | None, list[str]] = {}
    for label in labels:
        home = next(c.levels[hued[0] - 1] for c in dataset.concepts if c.levels[level - 1] == label)
        families.setdefault(home, []).append(label)
    return {
        label: shade(hues.get(home or "", UNNAMED), _offset(rank, len(members)))
        for home, members in families.items()
        for rank, label in enumerate(members)
    }


def family_level(dataset: GroupedDataset) -> int:
    """The level to colour a map by: the most general one of 5 to 12 labels, else the finest."""
    for level in range(len(LEVELS), 0, -1):
        if 5 <= len(dataset.labels(level)) <= len(FAMILY_COLOURS):
            return level
    return 1


def shade(colour: str, amount: float) -> str:
    """``colour`` mixed with white (amount > 0) or black (amount < 0); |amount| is the share."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(p + (target - p) * abs(amount)):02x}" for p in parts)


def _offset(rank: int, count: int) -> float:
    """Shades from 30% darker to 45% lighter, the family's own colour for a single label."""
    return 0.0 if count == 1 else -0.3 + 0.75 * rank / (count - 1)


AXIS = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": FAINT, "automargin": True}

LOOK = go.layout.Template(
    layout={
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": SERIES,
        "font": {"color": INK, "family": "system-ui, Segoe UI, Helvetica, sans-serif", "size": 15},
        "title": {"x": 0, "xref": "container", "pad": {"l": 24}, "y": 0.96, "yanchor": "top"},
        "title_font_size": 19,
        "legend": {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom"},
        "legend_itemsizing": "constant",
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK}},
        "xaxis": AXIS,
        "yaxis": AXIS,
    }
)
"""Letters large enough for the back row, a quiet grid, the legend at the bottom."""


def calm(figure: go.Figure, height: int, title: str = "") -> go.Figure:
    """Give a figure the look of all others.

    Args:
        figure: changed in place.
        height: in pixels.
        title: one line above the figure; also its text where pictures are not shown.
    """
    figure.update_layout(template=LOOK, height=height)
    figure.update_layout(margin={"l": 24, "r": 24, "t": 76 if title else 45, "b": 60})
    if title:
        figure.update_layout(title={"text": title})
    return figure


def panels(titles: Sequence[str]) -> go.Figure:
    """An empty figure of plots side by side, each under its title."""
    return make_subplots(1, len(titles), subplot_titles=list(titles))


def level_line(figure: go.Figure, y: float, text: str) -> None:
    """A dotted line across the plot to compare with, its name to the right of the plot."""
    name = {"text": " " + text.replace("\n", "<br> "), "align": "left"}
    figure.add_hline(y=y, line=DOTTED, annotation=name, annotation_position="right")
    figure.update_layout(margin={"r": 120})


PLOT = (820, 440)
"""Pixels of the plot that names are placed for."""

LETTER, LINE = 7.6, 19
"""Pixels of a letter and of a line of text."""

DISTANCES = (22, 34, 48, 64, 84, 106)
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


def label_places(
    names: Sequence[str], points: np.ndarray, distances: Sequence[float] = DISTANCES
) -> np.ndarray:
    """Where each name stands beside its mark, so that names cover neither each other nor a mark.

    Names are placed one after another, those with the most marks around them first: of eight
    directions and several distances the one that hides least, and of these the nearest.

    Args:
        names: n texts.
        points: (n, 2) where their marks are.
        distances: pixels from a mark to its name that are tried.

    Returns:
        (n, 2) pixels from the mark to the middle of its name, to the right and up.
    """
    extent = np.maximum(np.ptp(points, axis=0), 1e-9)
    marks = (points - points.min(axis=0)) / extent * PLOT  # (n, 2)
    low, high = list(marks - 9), list(marks + 9)  # corners of what names should not cover
    far = np.repeat(distances, len(DIRECTIONS))  # (c,) of all places that a name may have
    ways = np.tile(DIRECTIONS, (len(distances), 1))  # (c, 2)
    crowd = (np.abs(marks[:, None] - marks) < (150, 60)).all(axis=-1).sum(axis=1)
    places = np.zeros((len(names), 2))
    for i in np.argsort(-crowd, kind="stable"):
        half = np.array([LETTER * len(names[i]) / 2, LINE / 2])
        # From the mark's edge to the name's edge, so that long names are as near as short ones.
        shift = ways * np.stack([half[0] + far - 10, far], axis=1)
        left, right = marks[i] + shift - half, marks[i] + shift + half
        shared = np.minimum(right[:, None], high) - np.maximum(left[:, None], low)  # (c, boxes, 2)
        covered = np.maximum(shared, 0).prod(axis=-1).sum(axis=1)
        outside = np.maximum(-left - 25, 0) + np.maximum(right - PLOT - 25, 0)
        best = (far + covered + 20 * outside.sum(axis=1)).argmin()
        places[i] = shift[best]
        low.append(left[best])
        high.append(right[best])
    return places.round(1)


def whiskers(cells: Sequence[Cell]) -> dict[str, Any]:
    """Plotly's error bars for 95% intervals in percent; of length 0 where there is no interval."""
    ends = [(cell.value, cell.ci95 or (cell.value, cell.value)) for cell in cells]
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (high - value) for value, (_, high) in ends],
        "arrayminus": [100 * (value - low) for value, (low, _) in ends],
        "thickness": 1.5,
        "width": 0,
    }


def bundle(figure: go.Figure) -> dict[str, Any]:
    """What a notebook stores for a figure: Plotly's JSON and one line of text."""
    title = figure.layout.title.text or ""
    shown = pio.renderers["plotly_mimetype"].to_mimebundle(figure.to_plotly_json())
    shown[MIMETYPE]["config"] = {"displayModeBar": False, "responsive": True}
    return {**shown, "text/plain": title or "A figure."}


def show(figure: go.Figure) -> None:
    """Show a figure in a notebook: live where the page runs Plotly, else its text.

    Only JSON is stored here, so that no notebook needs a browser to run. ``make notebooks`` sets a
    picture beside it for pages without JavaScript, and says so where it finds no browser to draw
    one.

    Args:
        figure: any Plotly figure; its title is the text.
    """
    from IPython.display import display

    display(bundle(figure), raw=True)


def explore(draw: Callable[..., go.Figure], **choices: Sequence[float]) -> go.Figure:
    """Show a figure with a slider for each of its settings, where a notebook runs.

    The figure shown first, and on a page without a kernel the only one, is drawn with the middle
    value of every setting.

    Args:
        draw: makes the figure from settings given by name.
        choices: for each setting the values that its slider stops at.

    Returns:
        The first figure.
    """
    import ipywidgets
    from IPython.display import display

    sliders = {
        name: ipywidgets.SelectionSlider(
            options=[(f"{value:g}", value) for value in values],
            value=values[len(values) // 2],
            description=name.replace("_", " "),
            continuous_update=False,
        )
        for name, values in choices.items()
    }

    def drawn() -> go.Figure:
        return draw(**{name: slider.value for name, slider in sliders.items()})

    display(ipywidgets.VBox(list(sliders.values())))
    first = drawn()
    handle = display(bundle(first), raw=True, display_id=True)
    for slider in sliders.values():
        slider.observe(lambda _: handle.update(bundle(drawn()), raw=True), names="value")
    return first
