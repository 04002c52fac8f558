"""Which two of the models stand side by side: the fields that Probe and Groups share."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from glasskit_app.state import AppState, Pair

SIDES = ("left", "right")

REMEMBER = "(data, left, right) => GlassKit.remember({ data, left, right })"
"""Keep a choice in the page's address, from where it goes to the other pages (page.js)."""


def model_choice(state: AppState) -> tuple[gr.Dropdown, gr.Radio]:
    """The left model, and a tab for each one that it is compared with; hidden where there are just
    two models."""
    names = state.maps(state.names[0]).names
    several = len(names) > 2
    with gr.Row(visible=several):
        left = gr.Dropdown(
            names,
            value=names[0] if several else None,
            label="Model on the left",
            elem_id="pair-left",
            min_width=200,
        )
        right = gr.Radio(
            names,
            value=names[-1] if several else None,
            label="On the right",
            elem_id="pair-right",
            elem_classes="gk-tabs",
            scale=3,
            min_width=300,
        )
    return left, right


def pair_of(left: str | None, right: str | None) -> Pair:
    """What `AppState.maps` takes: the two that were chosen, or None where there is no choice."""
    return None if left is None and right is None else [left, right]


def asked_pair(names: Sequence[str], request: gr.Request) -> tuple[str | None, str | None]:
    """The two models that a page's address asks for with ``?left=`` and ``?right=``, or the first
    and the last, as on the map (map_page.js); none where there is no choice."""
    if len(names) == 2:
        return None, None
    left, right = (request.query_params.get(side, "") for side in SIDES)
    return (left, right) if {left, right} <= set(names) else (names[0], names[-1])
