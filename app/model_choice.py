"""Which two of the models stand side by side: two fields that Probe and Groups share."""

from __future__ import annotations

import gradio as gr

from glasskit_app.state import AppState, Pair


def model_choice(state: AppState) -> tuple[gr.Dropdown, gr.Dropdown]:
    """A field for the left and one for the right model; hidden where there are just two."""
    names = state.maps(state.names[0]).names
    several = len(names) > 2
    with gr.Row(visible=several):
        left, right = (
            gr.Dropdown(names, value=name if several else None, label=label, elem_id=f"pair-{side}")
            for label, side, name in (
                ("Model on the left", "left", names[0]),
                ("Model on the right", "right", names[-1]),
            )
        )
    return left, right


def pair_of(left: str | None, right: str | None) -> Pair:
    """What `AppState.maps` takes: the two that were chosen, or None where there is no choice."""
    return None if left is None and right is None else [left, right]
