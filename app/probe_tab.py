"""The probe: a picture against concepts, a phrase against pictures, before and after training."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from glasskit.analysis.maps import place_new
from glasskit.analysis.probe import MAX_CANDIDATES, MAX_TEXT
from glasskit.errors import InputError
from glasskit.io.text_files import split_names
from glasskit.plots.map_data import SIDES, Projection, sentence
from glasskit_app.examples import SHORT, TITLES, teaching
from glasskit_app.html_parts import bars, gallery
from glasskit_app.picture_input import picture_input
from glasskit_app.probe_why import WHY, reasons
from glasskit_app.scripts import refusals_told
from glasskit_app.state import HINT, AppState, DatasetMaps
from glasskit_app.thumbnails import pictures_url

BARS = 8
FOUND = 8
MOST_NAMES = 60
"""Names that a visitor may type in at a time."""

DOTS = 1500
"""Most pictures of the small map that are drawn; beyond that an even share of them."""

EDGE = 1.5
"""Of the small map, which goes from -EDGE to EDGE."""

SIGNS = {"picture and phrase": 1, "picture without phrase": -1}

PICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('pick', { index: Number(button.dataset.index) });
});
"""

INTRODUCTION = """
<div class="gk-page"><h2>Ask about a picture or a phrase</h2><p>Drop in any picture, or pick one
that training never saw: the bars show which concepts it is nearest to, before and after training.
Or type a phrase and see which pictures come nearest. A picture that comes up can be clicked.</p>
</div>
"""

NOTHING = """
<div class="gk-page"><p class="gk-meta">Nothing asked yet. Pick an example on the left, drop in a
picture, or type a phrase and press Ask.</p></div>
"""

HOW = """
<div class="gk-page"><details class="gk-how"><summary>How is this computed?</summary><p>The picture
and each concept's name become vectors of equal length; a bar is the cosine of the angle between the
two (1: the same direction, 0: nothing in common). A concept's vector is the mean over a few
sentences such as “a picture that shows …”. The phrase is taken as it stands. For picture and phrase
the two vectors are added, for picture without phrase the second is taken away. Compare the order of
the bars before and after, not their lengths: training also changes how far vectors spread.
</p></details></div>
"""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks."""
    names = state.names
    gr.HTML(INTRODUCTION)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            picture = picture_input(
                label="Picture",
                sources=["upload", "clipboard", "webcam"],
                height=215,
                elem_id="probe-picture",
                format="png",
            )
            with gr.Row(visible=len(names) > 1):
                name = gr.Dropdown(names, value=names[0], label="Data set", elem_id="probe-data")
            first = _examples(state.maps(names[0]))
            examples = gr.HTML(first, js_on_load=PICK, elem_id="probe-examples")
            phrase = gr.Textbox(
                label="Phrase",
                placeholder="a quiet evening by the sea",
                max_length=MAX_TEXT,
                elem_id="probe-phrase",
            )
            sign = gr.Radio(
                list(SIGNS), value=next(iter(SIGNS)), label="When both are given, search for"
            )
            candidates = gr.Textbox(
                label="Your own concepts, with commas between them (empty: those of the data set)",
                placeholder="hope, loneliness, birthday, harvest",
                max_length=2000,
                elem_id="probe-candidates",
            )
            ask = gr.Button("Ask", variant="primary", elem_id="probe-ask")
        with gr.Column(scale=4, min_width=320):
            answer = gr.HTML(NOTHING, js_on_load=PICK, elem_id="probe-answer", padding=False)
            fold = gr.Accordion(WHY, open=False, visible=False, elem_id="probe-why")
            with fold:
                why = gr.HTML(padding=False)
    gr.HTML(HOW)

    def respond(
        picture: Image.Image | None, name: str, phrase: str, sign: str, candidates: str
    ) -> tuple[str, dict, str]:
        with refusals_told():
            page = answer_page(state, picture, name, phrase, sign, candidates)
            return page, gr.update(open=False, visible=picture is not None), ""

    def explain(picture: Image.Image | None, name: str, candidates: str) -> str:
        with refusals_told():
            if picture is None:
                return ""
            return reasons(state.maps(name), picture, chosen_names(candidates))

    def picked(name: str, event: gr.EventData) -> tuple[Image.Image, str]:
        with refusals_told():
            data, index = state.maps(name).dataset, event._data.get("index")
            if type(index) is not int or not 0 <= index < len(data):
                raise InputError(f"picture {index!r:.60} is not there")
            return data.image(index), ""

    def changed(name: str) -> tuple[str, str, dict, str]:
        with refusals_told():
            closed = gr.update(open=False, visible=False)
            return _examples(state.maps(name)), NOTHING, closed, ""

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    # One event for all: what was asked last is what is answered last.
    events = [ask.click, phrase.submit, candidates.submit, picture.change]
    inputs, answered = [picture, name, phrase, sign, candidates], [answer, fold, why]
    gr.on(events, respond, inputs, answered, trigger_mode="always_last", **quiet)
    # The grid of patches takes a pass of its own, which only those wait for who want to see it.
    fold.expand(explain, [picture, name, candidates], why, **quiet)
    examples.pick(picked, name, [picture, phrase], **quiet)
    answer.pick(picked, name, [picture, phrase], **quiet)
    name.change(changed, name, [examples, *answered], **quiet)


def answer_page(
    state: AppState,
    picture: Image.Image | None,
    name: str,
    phrase: str,
    sign: str,
    candidates: str,
) -> str:
    """The answer of both models to a picture, a phrase or both, as HTML.

    Raises:
        InputError: a text is too long or holds no name, or the data set is not shown.
    """
    maps = state.maps(name)
    comparison, phrase, names = maps.comparison, (phrase or "").strip(), chosen_names(candidates)
    if picture is None and not phrase:
        return NOTHING
    own, known, notes, title = "", None, "", "Nearest pictures"
    if picture is not None:
        vectors = comparison.image_vectors(picture)
        known = comparison.known(vectors)
    else:
        vectors = comparison.text_vectors(phrase)
    if known is not None:
        own = maps.dataset.records[known].concept
        notes = f'<p class="gk-note">{_filed(maps, known)}</p>'
    searched = vectors
    if picture is not None and phrase:
        searched = comparison.mix(vectors, phrase, SIGNS.get(sign, 1))
        title = f"Nearest pictures: {escape(sign)}"
    unread = [state.unread([phrase]) if phrase else ""]
    unread += [state.unread(names, "your concepts") if names else ""]
    notes += "".join(f'<p class="gk-meta">{escape(line)}.</p>' for line in unread if line)

    both = comparison.concepts(vectors, names, k=MAX_CANDIDATES)
    found = comparison.images(searched, k=FOUND + 1)
    scale = [item.score for part in both for item in part[:BARS]]  # one scale for both sides
    columns = ""
    for side, vector in zip(SIDES, vectors, strict=True):
        concepts, probe = getattr(both, side), getattr(comparison, side)
        near = [item.index for item in getattr(found, side) if item.index != known][:FOUND]
        columns += (
            f'<section class="gk-{side}-answer"><h3>{side.capitalize()} training</h3>'
            f"<h4>Nearest concepts</h4>{bars(concepts[:BARS], scale, own or concepts[0].name)}"
            f"{_own_rank(concepts, own)}{_general(probe.levels(vector)) if names is None else ''}"
            f"<h4>{title}</h4>{gallery(maps, near)}"
            f"{_place(maps.projection(side), vector) if picture is not None else ''}</section>"
        )
    return f'<div class="gk-page">{notes}<div class="gk-columns">{columns}</div></div>'


def chosen_names(text: str | None) -> list[str] | None:
    """The names of a field, as `split_names` reads them; None where nothing is typed.

    Raises:
        InputError: more than ``MOST_NAMES``, or commas without a name.
    """
    names = split_names(text or "")
    if len(names) > MOST_NAMES:
        raise InputError(f"{len(names)} concepts are more than the limit of {MOST_NAMES}")
    if not names and (text or "").strip():
        raise InputError("your concepts: no name is there; give names with commas between, or none")
    return names or None


def _filed(maps: DatasetMaps, index: int) -> str:
    """What is known of one of the data set's own pictures."""
    record = maps.dataset.records[index]
    before, after = (maps.projection(side).recognised.rank[index] for side in SIDES)
    return (
        f"This picture is filed under <b>{escape(record.concept)}</b>; training "
        f"{'never saw it' if record.split == 'test' else 'saw it'}. Of "
        f"{len(maps.dataset.labels(1))} concepts its own is number {before} before and {after} "
        f"after.{' The trained model gets this one wrong.' if after > 1 else ''}"
    )


def _own_rank(concepts: list, own: str) -> str:
    """Where the picture's own concept stands, if it has no bar."""
    rank = next((place for place, item in enumerate(concepts, start=1) if item.name == own), 0)
    if rank <= BARS:
        return ""
    return f'<p class="gk-meta">… <b>{escape(own)}</b> is number {rank} of {len(concepts)}</p>'


def _general(levels: list) -> str:
    """The nearest name of each more general level, in one line."""
    parts = [f"<b>{escape(item.name)}</b> {item.score:.2f}" for item in levels]
    return f'<p class="gk-meta">More general: {" · ".join(parts)}</p>' if parts else ""


def _place(projection: Projection, vector: np.ndarray) -> str:
    """A small map with the place of a picture that has this (L,) vector."""
    place = place_new(vector[None], projection.embedding.picture, projection.picture)[0]
    x, y = np.clip(place, -EDGE, EDGE) * (1, -1)
    step = -(-len(projection.picture) // DOTS)
    dots = "".join(f"M{a:.2f} {-b:.2f}h0" for a, b in projection.picture[::step])
    return (
        '<figure class="gk-place"><svg role="img" aria-label="the place of this picture on the '
        f'map" viewBox="{-EDGE} {-EDGE} {2 * EDGE} {2 * EDGE}">'
        f'<path d="{dots}" stroke="var(--gk-faint)" stroke-width=".035" stroke-linecap="round"/>'
        f'<circle cx="{x:.3f}" cy="{y:.3f}" r=".07" fill="var(--gk-warm)"/>'
        f'<circle cx="{x:.3f}" cy="{y:.3f}" r=".16" fill="none" stroke="var(--gk-warm)" '
        'stroke-width=".03"/></svg><figcaption class="gk-meta">Its place on the map, among the '
        "pictures that the model takes it to be like.</figcaption></figure>"
    )


def _examples(maps: DatasetMaps) -> str:
    if maps.thumbnails is None:
        return (
            '<div class="gk-page"><p class="gk-nopicture">The photographs of this data set are not '
            f"here, so there are no examples: upload a picture of your own, or {HINT}.</p></div>"
        )
    cells = ""
    for index, kind in teaching(maps):
        caption = escape(maps.dataset.records[index].captions[0])
        cells += (
            f'<button type="button" data-index="{index}" class="gk-{kind}" '
            f'title="{caption} ({TITLES[kind]})" aria-label="example, {TITLES[kind]}: {caption}">'
            f'<img src="{pictures_url(maps.name)}{index}.webp" alt="" loading="lazy">'
            f"<span>{SHORT[kind]}</span></button>"
        )
    return (
        f'<div class="gk-page"><div class="gk-examples">{cells}</div>'
        '<p class="gk-meta">Chosen to show what training does, not how often: after it, '
        f"{sentence(maps.dataset, maps.after)}. Learned: right only after training; known: before "
        "and after; lost: only before; missed: neither.</p></div>"
    )
