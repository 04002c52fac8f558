"""Sliders beside a figure, where a notebook runs; the figure alone on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from glasskit.plots.style import bundle


def explore(draw: Callable[..., go.Figure], **choices: Sequence[float]) -> go.Figure:
    """Show a figure with a slider for each of its settings.

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
