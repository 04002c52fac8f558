"""Groups: how the pictures of one lie, and what its loss says when a picture goes or comes."""

from __future__ import annotations

from html import escape
from textwrap import wrap
from typing import Any, NamedTuple

import gradio as gr
import plotly.graph_objects as go

from glasskit.analysis.geometry import GroupReport, Groups, apart, group_report, rivals
from glasskit.errors import InputError
from glasskit.plots.map_data import SIDES
from glasskit.plots.style import panels
from glasskit_app import tree_fold
from glasskit_app.model_choice import REMEMBER, asked_pair, model_choice, pair_of
from glasskit_app.scripts import asked_dataset, refusals_told, scripted_html
from glasskit_app.state import AppState, DatasetMaps
from glasskit_app.thumbnails import pictures_url

SHOWN = 24
"""Members that a group is shown with at first."""

RIVALS = 4
STRANGERS = 3
"""Pictures offered of each rival group."""

MEASURES = {
    "tightness": "cohesion",
    "nearness to its word": "word",
    "outer loss": "outer",
    "inner loss": "inner",
}
"""What the table calls the measures of a GroupReport."""

INTRO = """
## What holds a group together?
The pictures of a group share an idea, and what was written for it never names it. Take a picture
out, or put a stranger in (click, drag, or Enter), and watch what the loss says.
"""

UNLABELLED = (
    "Nobody labelled these pictures, so there are no groups: look at the Map and the Probe."
)

TRAYS = """
<h3>In the group <small class="gk-count"></small>
<small>under each: nearness to the middle of the others, <span class="gk-sides"></span></small></h3>
<div class="gk-tray gk-members" role="group" aria-label="Pictures in the group"></div>
<h3>Outside
<small>pictures taken out, and strangers from the groups nearest to this one</small></h3>
<div class="gk-tray gk-outside" role="group" aria-label="Pictures outside the group"></div>
<p class="gk-pointed"></p>
"""

HOW = """
Tightness is the mean cosine of two different pictures of the group. Nearness to the word is the
cosine between the group's middle and the concept's name. The outer loss (pairwise form, temperature
0.1) asks whether pictures and captions of this group find each other among four rival groups: those
whose middles are nearest by the left model, each with as many pictures as this group has. The inner
loss of the same batch asks whether the product of each picture and its caption lies nearer to the
middle of its own group than to that of a rival. Where pictures carry several ideas, a rival stands
without those that carry this group's too. Lower is better for both; both rise with the number
of pictures, so compare groups of one size. Numbers in brackets: change against the whole group.
"""

COLOURS = ["#443c6e", "#7b387d", "#b73779", "#e55964", "#fb9f58", "#fce18c"]
"""Of similarities from 0 to 1, as on the map of a phrase."""


class Group(NamedTuple):
    """A concept of a data set with its pictures, its rivals and pictures of those.

    ``groups`` are those of the data set, the others without pictures that carry this concept too.
    """

    maps: DatasetMaps
    concept: str
    groups: Groups
    members: list[int]
    strangers: list[int]
    rivals: list[str]


def build(blocks: gr.Blocks, state: AppState) -> None:
    """Draw the page inside the current Blocks."""
    inside = gr.State([])
    gr.Markdown(INTRO)
    with gr.Row():
        data = gr.Dropdown(state.names, label="pictures")
        concept = gr.Dropdown([], label="group", elem_id="groups-concept")
        back = gr.Button("Put everything back", scale=0, min_width=180, elem_id="groups-back")
    left, right = model_choice(state)
    tries = gr.Dataset(
        components=[gr.Textbox(visible=False)],
        samples=[],
        label="Try: three groups that gain most from the left model to the right, and the last one",
        elem_id="groups-tries",
    )
    nothing = gr.Markdown(UNLABELLED, visible=False)
    about = gr.Markdown()
    with gr.Row() as page:
        with gr.Column(scale=5):
            trays = scripted_html(
                {"members": [], "outside": []},
                "GlassKit.trays(element, props, watch, (index) => trigger('move', { index }))",
                html_template=TRAYS,
                elem_id="groups-trays",
            )
        with gr.Column(scale=3):
            numbers = gr.Dataframe(
                headers=["of these pictures", *SIDES],
                interactive=False,
                buttons=[],
                elem_id="groups-numbers",
            )
            against = gr.Markdown()
            similarity = gr.Plot(elem_id="groups-similarity", show_label=False)
    with gr.Accordion("How is this computed?", open=False):
        gr.Markdown(HOW)
    tree_fold.build(state, data, left, right)

    def concepts(
        dataset: str, left: str | None, right: str | None, wished: str | None = None
    ) -> dict[Any, Any]:
        """What can be chosen of a data set."""
        names = list(state.maps(dataset).dataset.groups())
        first = names[0] if names else None
        return {
            data: dataset,
            concept: gr.Dropdown(names, value=wished if wished in names else first),
            tries: tried(dataset, left, right),
            page: gr.Row(visible=bool(names)),
            nothing: gr.Markdown(visible=not names),
        }

    def tried(dataset: str, *models: str | None) -> gr.Dataset:
        maps = state.maps(dataset, pair_of(*models))
        return gr.Dataset(samples=[[name] for name in _gained_most(maps)])

    def enter(request: gr.Request) -> dict[Any, Any]:
        dataset = asked_dataset(state.names, request)
        pair = asked_pair(state.maps(dataset).names, request)
        chosen = dict(zip((left, right), pair, strict=True))
        return concepts(dataset, *pair, wished=request.query_params.get("group")) | chosen

    def opened(dataset: str, name: str | None, *models: str | None) -> dict[Any, Any]:
        if name is None:  # there are no groups
            return {about: ""}
        with refusals_told():
            group = _group(state.maps(dataset, pair_of(*models)), name)
            whole = group.maps.dataset.by_name[name]
            named = ", ".join(whole.hard_negatives)
            shown = measured(group, group.members)
        return shown | {
            about: whole.guide,
            against: "Hard negatives in the outer loss, the groups nearest to it: "
            + f"{', '.join(group.rivals)}."
            + (f" Easily taken for it, says who made the data: {named}." if named else "")
            + _overlap(group),
        }

    def moved(
        dataset: str,
        name: str,
        left: str | None,
        right: str | None,
        held: list[int],
        event: gr.EventData,
    ) -> dict[Any, Any]:
        """Take a picture out of the group, or put it in."""
        with refusals_told():
            group = _group(state.maps(dataset, pair_of(left, right)), name)
            index = event._data.get("index")
            if index not in [*group.members, *group.strangers]:
                raise InputError(f"picture {index!r:.20} is not shown here")
            rest = [i for i in held if i != index]
            return measured(group, rest if index in held else [*held, index])

    def measured(group: Group, held: list[int]) -> dict[Any, Any]:
        found, whole = _measure(group, held), _measure(group, group.members)
        return {
            inside: held,
            trays: _trays(group, held, found),
            numbers: {
                "headers": ["of these pictures", *map(group.maps.heading, SIDES)],
                "data": [
                    [text, *(_value(found[side], whole[side], measure) for side in SIDES)]
                    for text, measure in MEASURES.items()
                ],
            },
            similarity: _similarity(group, held, found),
        }

    figures = [inside, trays, numbers, similarity]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    choices = [data, concept, tries, page, nothing]
    gr.on([blocks.load], enter, None, [*choices, left, right], **quiet)
    data.input(concepts, [data, left, right], choices, **quiet)
    gr.on([left.input, right.input], tried, [data, left, right], tries, **quiet)
    tries.click(lambda sample: sample[0], tries, concept, **quiet)
    gr.on(
        [concept.change, back.click, left.change, right.change],
        opened,
        [data, concept, left, right],
        [about, against, *figures],
        **quiet,
    )
    # One after the other, for each begins with what the last one left inside.
    trays.move(moved, [data, concept, left, right, inside], figures, concurrency_limit=1, **quiet)
    gr.on([left.input, right.input], None, [data, left, right], js=REMEMBER)
    concept.change(None, [data, concept], js="(data, group) => GlassKit.remember({ data, group })")


def _group(maps: DatasetMaps, concept: str) -> Group:
    groups = maps.dataset.groups()
    if concept not in groups:
        raise InputError(f"group {concept!r} is not in {maps.name}")
    groups = apart(groups, concept)
    against = rivals(maps.before.embedding, groups, concept, RIVALS)
    strangers: dict[int, None] = {}  # each once, though it may be of several rivals
    for rival in against:
        new = [i for i in groups[rival].tolist() if i not in strangers]
        strangers |= dict.fromkeys(new[:STRANGERS])
    return Group(maps, concept, groups, groups[concept][:SHOWN].tolist(), [*strangers], against)


def _shared(group: Group, index: int) -> list[str]:
    """Rivals of a group whose idea a picture carries beside the group's own."""
    labels = group.maps.dataset.records[index].labels
    return [name for name in group.rivals if name in labels] if group.concept in labels else []


def _overlap(group: Group) -> str:
    shared = [i for i in group.members if _shared(group, i)]
    if not group.maps.dataset.several:
        return ""
    return (
        f" {len(shared)} of the {len(group.members)} pictures shown carry the idea of a rival too "
        "(dotted frame); no rival is measured with a picture that carries this group's idea."
    )


def _gained_most(maps: DatasetMaps) -> list[str]:
    """Three groups of which training let the most further pictures be recognised, and the last."""
    groups, names = maps.dataset.groups(), maps.dataset.labels(1)
    if not groups:
        return []

    def gain(name: str) -> int:
        tops = (maps.projection(side).recognised.top[groups[name]] for side in SIDES)
        was, now = (int((top == names.index(name)).sum()) for top in tops)
        return now - was

    order = sorted(groups, key=gain, reverse=True)
    return list(dict.fromkeys([*order[:3], order[-1]]))


def _measure(group: Group, held: list[int]) -> dict[str, GroupReport]:
    """The group of these pictures by both models."""
    found, data = {}, group.maps.dataset
    for side in SIDES:
        seen = group.maps.projection(side).embedding
        word = seen.concept[data.labels(1).index(group.concept)]
        found[side] = group_report(seen, group.groups, group.concept, held, group.rivals, word=word)
    return found


def _value(found: GroupReport, whole: GroupReport, measure: str) -> str:
    value, change = getattr(found, measure), getattr(found, measure) - getattr(whole, measure)
    return f"{value:.3f}" + (f" ({change:+.3f})" if abs(change) >= 0.0005 else "")


def _trays(group: Group, held: list[int], found: dict[str, GroupReport]) -> dict[str, Any]:
    """What the trays draw (assets/trays.js)."""
    folder = pictures_url(group.maps.name) if group.maps.thumbnails else None

    def tile(index: int) -> dict[str, Any]:
        record = group.maps.dataset.records[index]
        return {
            "index": index,
            "caption": record.captions[0],
            "labels": ", ".join(record.labels),
            "stranger": group.concept not in record.labels,
            "shared": ", ".join(_shared(group, index)),
            "picture": folder and f"{folder}{index}.webp",
        }

    near = zip(*(found[side].to_centre for side in SIDES), strict=True)
    outside = [i for i in [*group.members, *group.strangers] if i not in held]
    return {
        "members": [
            tile(index) | {"note": f"{before:.2f} → {after:.2f}"}
            for index, (before, after) in zip(held, near, strict=True)
        ],
        "outside": [tile(index) for index in outside],
        "sides": " → ".join(SIDES if group.maps.trained else group.maps.pair),
    }


def _similarity(group: Group, held: list[int], found: dict[str, GroupReport]) -> go.Figure:
    """Every two pictures of the group, before and after; a pointer reads their captions."""
    records = [group.maps.dataset.records[i] for i in held]
    captions = ["<br>".join(wrap(escape(f"“{record.captions[0]}”"), 45)) for record in records]
    names = [[f"{one}<br>and<br>{other}" for other in captions] for one in captions]
    figure = panels([escape(group.maps.heading(side)) for side in SIDES])
    for column, side in enumerate(SIDES, start=1):
        square = go.Heatmap(
            z=found[side].similarity.round(3),
            text=names,
            hovertemplate="%{z:.2f}<br>%{text}<extra></extra>",
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
        )
        figure.add_trace(square, 1, column)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    return figure.update_layout(
        coloraxis={"colorscale": COLOURS, "cmin": 0, "cmax": 1, "showscale": False},
        height=260,
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 12, "color": "#8a847b"},
    )
