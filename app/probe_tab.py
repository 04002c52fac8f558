"""The probe: a picture against concepts, a phrase against pictures, before and after training."""

from __future__ import annotations

from html import escape

import gradio as gr
import numpy as np
from PIL import Image

from glasskit.analysis.probe import MAX_CANDIDATES, MAX_TEXT
from glasskit.errors import InputError
from glasskit.io.text_files import split_names
from glasskit_app.dataset_maps import DatasetMaps
from glasskit_app.examples import SAID, teaching
from glasskit_app.picture_input import picture_input
from glasskit_app.probe_place import place_figure
from glasskit_app.probe_why import WHY, Asked, reasons
from glasskit_app.state import AppState
from glasskit_app.thumbnails import pictures_url

BARS = 8
FOUND = 8
MOST_NAMES = 60
"""Names that a visitor may type in at a time."""

SHORT = {"learned": "learned ✓", "known": "known ✓", "lost": "lost ✗", "missed": "missed ✗"}
TITLES = {"before": "Before training", "after": "After training"}
SIGNS = {"picture and phrase": 1, "picture without phrase": -1}

PICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('pick', { index: Number(button.dataset.index) });
});
"""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks, with the API endpoints probe and search."""
    names = state.names
    first = names[0]
    gr.HTML(
        '<div class="gk-page"><h2>Ask about a picture or a phrase</h2><p>Drop in any picture, or '
        "pick one that training never saw: the bars show which concepts it is nearest to, before "
        "and after training. Or type a phrase and see which pictures come nearest.</p></div>"
    )
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
                name = gr.Dropdown(names, value=first, label="Data set", elem_id="probe-data")
            examples = gr.HTML(_examples(state, first), js_on_load=PICK, elem_id="probe-examples")
            phrase = gr.Textbox(
                label="Phrase",
                placeholder="a quiet evening by the sea",
                max_length=MAX_TEXT,
                elem_id="probe-phrase",
            )
            sign = gr.Radio(
                list(SIGNS),
                value="picture and phrase",
                label="When both are given, search for",
            )
            candidates = gr.Textbox(
                label="Your own concepts, with commas between them (empty: those of the data set)",
                placeholder="hope, loneliness, birthday, harvest",
                max_length=2000,
                elem_id="probe-candidates",
            )
            ask = gr.Button("Ask", variant="primary", elem_id="probe-ask")
        with gr.Column(scale=4, min_width=320):
            answer = gr.HTML(_empty(), elem_id="probe-answer", padding=False)
            asked = gr.State(time_to_live=3600)
            fold = gr.Accordion(WHY, open=False, visible=False, elem_id="probe-why")
            with fold:
                why = gr.HTML(padding=False)
    gr.HTML(
        '<div class="gk-page"><details class="gk-how"><summary>How is this computed?</summary><p>'
        "The picture and each concept's name become vectors of equal length; a bar is the cosine "
        "of the angle between the two (1: the same direction, 0: nothing in common). A concept's "
        "vector is the mean over a few sentences such as “a picture that shows …”. The phrase is "
        "taken as it stands. For picture and phrase the two vectors are added, for picture without "
        "phrase the second is taken away. Compare the order of the bars before and after, not "
        "their lengths: training also changes how far vectors spread.</p></details></div>"
    )

    def respond(
        picture: Image.Image | None, name: str, phrase: str, sign: str, candidates: str
    ) -> tuple[str, Asked | None, dict, str]:
        try:
            text, question = _answer(state, picture, name, phrase, sign, candidates)
            return text, question, _closed(question is not None), ""
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def picked(name: str, event: gr.EventData) -> tuple[Image.Image, str]:
        data = state.maps(name).dataset
        index = event._data.get("index")
        if type(index) is not int or not 0 <= index < len(data):
            raise gr.Error(f"example {index!r} is not there", print_exception=False)
        return data.image(index), ""

    inputs = [picture, name, phrase, sign, candidates]
    quiet = {"api_visibility": "private", "show_progress": "minimal"}
    # One event for all: what was asked last is what is answered last.
    events = [ask.click, phrase.submit, candidates.submit, picture.change]
    answered = [answer, asked, fold, why]
    gr.on(events, respond, inputs, answered, trigger_mode="always_last", **quiet)
    # The grid of patches takes a pass of its own, which only those wait for who want to see it.
    fold.expand(lambda question: reasons(state, question), asked, why, **quiet)
    examples.pick(picked, [name], [picture, phrase], **quiet)

    def changed(name: str) -> tuple[str, str, None, dict, str]:
        try:
            return _examples(state, name), _empty(), None, _closed(visible=False), ""
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    name.change(changed, name, [examples, *answered], **quiet)


def _answer(
    state: AppState,
    picture: Image.Image | None,
    name: str,
    phrase: str,
    sign: str,
    candidates: str,
) -> tuple[str, Asked | None]:
    comparison, maps = state.comparison(name), state.maps(name)
    phrase, names = (phrase or "").strip(), chosen_names(candidates)
    own, note, known, question = "", "", None, None
    if picture is not None:
        features = comparison.image_features(picture)
        vectors = comparison.image_vectors(picture, features)
        known = comparison.known(vectors)
        if known is not None:
            record = maps.dataset.records[known]
            own, unseen = record.concept, record.split == "test"
            note = f"This picture is filed under <b>{escape(own)}</b>; "
            note += "training never saw it. " if unseen else "training saw it. "
            places = [maps.recognised(side).rank[known] for side in ("before", "after")]
            of = len(maps.dataset.labels(1))
            note += f"Of {of} concepts its own is number {places[0]} before and {places[1]} after."
            if places[1] > 1:
                note += " The trained model gets this one wrong."
    elif phrase:
        vectors = comparison.text_vectors(phrase)
    else:
        return _empty(), None
    both = comparison.concepts(vectors, names, k=MAX_CANDIDATES)
    title, searched = "Nearest pictures", vectors
    if picture is not None and phrase:
        searched = comparison.mix(vectors, phrase, SIGNS.get(sign, 1))
        title = f"Nearest pictures: {escape(sign)}"
    found = comparison.images(searched, k=FOUND + 1)
    columns = []
    for side in ("before", "after"):
        bars = _bars(getattr(both, side), both, own)
        if names is None:
            bars += _levels(state, name, side, vectors[("before", "after").index(side)])
        place = ""
        if picture is not None:
            place = place_figure(maps.projection(side), vectors[("before", "after").index(side)])
        gallery = _gallery(maps, [i for i in getattr(found, side) if i.index != known][:FOUND])
        columns.append(
            f'<section class="gk-{side}-answer"><h3>{TITLES[side]}</h3><h4>Nearest concepts</h4>'
            f"{bars}<h4>{title}</h4>{gallery}{place}</section>"
        )
    if picture is not None:
        question = Asked(
            name, picture, features[0], vectors, (both.before[0].name, both.after[0].name)
        )
    note = f'<p class="gk-note">{note}</p>' if note else ""
    unread = [state.unread([phrase]) if phrase else ""]
    unread += [state.unread(names, "your concepts") if names else ""]
    note += "".join(f'<p class="gk-meta">{escape(line)}.</p>' for line in unread if line)
    page = f'<div class="gk-page">{note}<div class="gk-columns">{"".join(columns)}</div></div>'
    return page, question


def _closed(visible: bool) -> dict:
    return gr.update(open=False, visible=visible)


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


def _bars(side: list, both: tuple[list, list], own: str) -> str:
    scores = [item.score for part in both for item in part[:BARS]]
    low, most = min(0.0, *scores), max(scores)  # one scale for both sides
    rows = []
    for place, (label, score) in enumerate(side[:BARS]):
        width = 100 * (score - low) / max(most - low, 1e-6)
        marked = label == own if own else place == 0
        rows.append(
            f"<div{' class=gk-own' if marked else ''}><span>{escape(label)}</span>"
            f'<i><b style="width:{width:.1f}%"></b></i><em>{score:.2f}</em></div>'
        )
    bars = f'<div class="gk-bars">{"".join(rows)}</div>'
    rank = next((place for place, item in enumerate(side, start=1) if item.name == own), 0)
    if rank > BARS:
        bars += f'<p class="gk-meta">… <b>{escape(own)}</b> is number {rank} of {len(side)}</p>'
    return bars


def _levels(state: AppState, name: str, side: str, vector: np.ndarray) -> str:
    """The nearest name of each more general level, in one line."""
    found = getattr(state.comparison(name), side).levels(vector)
    parts = [f"<b>{escape(item.name)}</b> {item.score:.2f}" for item in found]
    return f'<p class="gk-meta">More general: {" · ".join(parts)}</p>' if parts else ""


def _gallery(maps: DatasetMaps, found: list) -> str:
    cells = []
    for item in found:
        record = maps.dataset.records[item.index]
        caption = escape(record.captions[0], quote=True)
        if maps.thumbnails is None:
            inner = f"<span>{caption}</span>"
        else:
            source = f"{pictures_url(maps.name)}{item.index}.webp"
            inner = f'<img src="{source}" alt="{caption}" loading="lazy">'
        cells.append(f'<figure title="{escape(record.concept)}: {caption}">{inner}</figure>')
    return f'<div class="gk-gallery">{"".join(cells)}</div>'


def _examples(state: AppState, name: str) -> str:
    maps = state.maps(name)
    if maps.thumbnails is None:
        return (
            '<div class="gk-page"><p class="gk-nopicture">The photographs of this data set are not '
            "here, so there are no examples: upload a picture of your own, or start the app with "
            "--images and the folder of the photographs.</p></div>"
        )
    cells = []
    for index, kind in teaching(maps):
        caption = escape(maps.dataset.records[index].captions[0], quote=True)
        source = f"{pictures_url(name)}{index}.webp"
        cells.append(
            f'<button type="button" data-index="{index}" class="gk-{kind}" '
            f'title="{caption} ({SAID[kind]})" aria-label="example, {SAID[kind]}: {caption}">'
            f'<img src="{source}" alt="" loading="lazy"><span>{SHORT[kind]}</span></button>'
        )
    return (
        f'<div class="gk-page"><div class="gk-examples">{"".join(cells)}</div>'
        '<p class="gk-meta">Chosen to show what training does, not how often: after it, '
        f"{maps.sentence('after')}. Learned: right only after training; known: before and "
        "after; lost: only before; missed: neither.</p></div>"
    )


def _empty() -> str:
    return (
        '<div class="gk-page"><p class="gk-meta">Nothing asked yet. Pick an example on the left, '
        "drop in a picture, or type a phrase and press Ask.</p></div>"
    )
