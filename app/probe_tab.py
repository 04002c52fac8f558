"""The probe: what a dropped picture or a typed phrase is near to, before and after training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from glasskit.analysis.maps import place_new
from glasskit.analysis.probe import MAX_CANDIDATES, MAX_TEXT
from glasskit.errors import InputError
from glasskit.io.text_files import split_names
from glasskit.models.standard import SCORES
from glasskit.plots.map_data import SIDES, Projection
from glasskit_app.answers import answer
from glasskit_app.examples import KINDS, teaching
from glasskit_app.model_choice import REMEMBER, asked_pair, model_choice, pair_of
from glasskit_app.picture_input import picture_input
from glasskit_app.probe_why import WHY, reasons
from glasskit_app.scripts import asked_dataset, refusals_told
from glasskit_app.state import AppState, DatasetMaps, Pair

BARS = 8
FOUND = 8
MOST_NAMES = 60
"""Names that a visitor may type in at a time."""

DOTS = 1500
"""Most pictures of the small map that are drawn; beyond that an even share of them."""

EDGE = 1.5
"""Of the small map, which goes from -EDGE to EDGE."""

UNITS = {"cosine": "%.2f", "standard": "%+.1f sd"}
"""How a score is written; sd: standard deviations."""

MEANT = (
    "Cosine: what the picture is most about. Standard: for what it is unusual, in standard "
    "deviations (sd)."
)

EXAMPLE = "Nothing asked yet. An example, chosen because training helped"

TO_ANSWER = """(picture, phrase) => {
  if ((picture || phrase) && innerWidth < 720)
    document.querySelector('#probe-answer').scrollIntoView({ behavior: 'smooth' });
}"""
"""On a phone the answer stands below all that can be asked."""

SIGNS = {"picture and phrase": 1, "picture without phrase": -1}

PICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-index]');
  if (button) trigger('pick', { index: Number(button.dataset.index) });
});
"""


def build(blocks: gr.Blocks, state: AppState, arrived: Callable[..., Any] | None = None) -> None:
    """Draw the tab inside the current Blocks; ``arrived``: the event that photographs came."""
    names = state.names
    gr.HTML(answer("introduction"))
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
            shown = gr.State(None)  # the record that was picked where its picture is not here
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
            scores = gr.Radio(
                list(SCORES), value="cosine", label="Scores", info=MEANT, elem_id="probe-scores"
            )
            ask = gr.Button("Ask", variant="primary", elem_id="probe-ask")
        with gr.Column(scale=4, min_width=320):
            left, right = model_choice(state)
            result = gr.HTML(
                answer_page(state, None, names[0]),
                js_on_load=PICK,
                elem_id="probe-answer",
                padding=False,
            )
            fold = gr.Accordion(WHY, open=False, visible=False, elem_id="probe-why")
            with fold:
                why = gr.HTML(padding=False)
    gr.HTML(answer("how"))

    def enter(request: gr.Request) -> tuple[str | None, ...]:
        dataset = asked_dataset(names, request)
        return dataset, *asked_pair(state.maps(dataset).names, request)

    def respond(
        picture: Image.Image | None,
        name: str,
        phrase: str,
        sign: str,
        candidates: str,
        scores: str,
        shown: int | None,
        *models: str | None,
    ) -> tuple[str, dict, str]:
        with refusals_told():
            pair = pair_of(*models)
            page = answer_page(state, picture, name, phrase, sign, candidates, scores, shown, pair)
            return page, gr.update(open=False, visible=picture is not None), ""

    def explain(
        picture: Image.Image | None,
        name: str,
        phrase: str,
        candidates: str,
        scores: str,
        *models: str | None,
    ) -> str:
        with refusals_told():
            if picture is None:
                return ""
            maps = state.maps(name, pair_of(*models))
            return reasons(maps, picture, chosen_names(candidates), scores, (phrase or "").strip())

    def picked(name: str, event: gr.EventData) -> tuple[Image.Image | None, str, int | None]:
        with refusals_told():
            maps, index = state.maps(name), event._data.get("index")
            if type(index) is not int or not 0 <= index < len(maps.dataset):
                raise InputError(f"picture {index!r:.60} is not there")
            return (maps.dataset.image(index), "", None) if maps.thumbnails else (None, "", index)

    def changed(name: str, *models: str | None) -> tuple[str, None]:
        with refusals_told():
            return _examples(state.maps(name, pair_of(*models))), None

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    # One event for all: what was asked last is what is answered last.
    events = [ask.click, phrase.submit, candidates.submit, picture.change, scores.input]
    events += [shown.change, name.change, left.change, right.change]
    inputs = [picture, name, phrase, sign, candidates, scores, shown, left, right]
    answered = [result, fold, why]
    gr.on(events, respond, inputs, answered, trigger_mode="always_last", **quiet).then(
        None, [picture, phrase], js=TO_ANSWER, **quiet
    )
    # The grid of patches takes a pass of its own, which only those wait for who want to see it.
    asked = [picture, name, phrase, candidates, scores, left, right]
    fold.expand(explain, asked, why, **quiet)
    examples.pick(picked, name, [picture, phrase, shown], **quiet)
    result.pick(picked, name, [picture, phrase, shown], **quiet)
    chosen = [name, left, right]
    moved = [name.change, left.change, right.change]
    blocks.load(enter, None, chosen, **quiet)
    gr.on(moved, changed, chosen, [examples, shown], **quiet)
    gr.on([name.input, left.input, right.input], None, chosen, js=REMEMBER, **quiet)
    if arrived is not None:
        looked = arrived(changed, chosen, [examples, shown], **quiet)
        looked.then(respond, inputs, answered, **quiet)


def answer_page(
    state: AppState,
    picture: Image.Image | None,
    name: str,
    phrase: str = "",
    sign: str = "",
    candidates: str = "",
    scores: str = "cosine",
    shown: int | None = None,
    pair: Pair = None,
) -> str:
    """The answer of both models to a picture, a phrase or both, as HTML.

    Without either, the answer to the record ``shown``, and without that to an example: its vectors
    are at hand though its picture may not be.

    Raises:
        InputError: a text is too long or holds no name, or the data set is not shown.
    """
    maps = state.maps(name, pair)
    comparison, phrase, names = maps.comparison, (phrase or "").strip(), chosen_names(candidates)
    title, known, intro = "Nearest pictures", None, ""
    if picture is not None:
        vectors = searched = comparison.image_vectors(picture)
        known = comparison.known(vectors)
        if phrase:
            searched = comparison.mix(vectors, phrase, SIGNS.get(sign, 1))
            title = f"Nearest pictures: {sign}"
    elif phrase:
        vectors = searched = comparison.text_vectors(phrase)
    else:
        known = teaching(maps)[0].row if shown is None else shown
        intro = EXAMPLE if shown is None else "Picked"
        one, other = (maps.projection(side).embedding.picture[known] for side in SIDES)
        vectors = searched = one, other
    own = None if known is None else maps.dataset.records[known]
    both = comparison.concepts(vectors, names, k=MAX_CANDIDATES, scores=scores)
    found = comparison.images(searched, k=FOUND + 1)
    columns = []
    for side, vector in zip(SIDES, vectors, strict=True):
        concepts = getattr(both, side)
        named = [(place, item.name) for place, item in enumerate(concepts, start=1)]
        first = next((at for at in named if own and at[1] in own.labels), (0, ""))
        near = [item.index for item in getattr(found, side) if item.index != known]
        column = {
            "side": side,
            "concepts": concepts[:BARS],
            "own_rank": first[0],
            "own_name": first[1],
            "of": len(concepts),
            "levels": getattr(comparison, side).levels(vector, scores) if names is None else [],
            "pictures": near[:FOUND],
            "place": None,
        }
        if picture is not None or intro:
            column |= _place(maps.projection(side), vector)
        columns.append(column)
    if scores == "standard" and names is None:
        ranks = [column["own_rank"] for column in columns]
    else:
        ranks = [maps.projection(side).recognised.rank[known] for side in SIDES if own]
    unread = [state.unread([phrase])] if phrase else []
    unread += [state.unread(names, "your concepts")] if names else []
    return answer(
        "probed",
        maps=maps,
        known=own,
        index=known,
        intro=intro,
        ranks=ranks,
        scores=scores,
        form=UNITS[scores],
        unread=filter(None, unread),
        title=title,
        columns=columns,
        scale=[item.score for part in both for item in part[:BARS]],  # one for both sides
    )


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


def _place(projection: Projection, vector: np.ndarray) -> dict[str, Any]:
    """Where a picture with this (L,) vector stands on a small map, and the dots of that map."""
    place = place_new(vector[None], projection.embedding.picture, projection.picture)
    dots = projection.picture[:: -(-len(projection.picture) // DOTS)]
    spot, *others = np.round(np.concatenate([place, dots]).clip(-EDGE, EDGE) * (1, -1), 2).tolist()
    return {"place": spot, "dots": others, "edge": EDGE}


def _examples(maps: DatasetMaps) -> str:
    return answer("examples", maps=maps, chosen=teaching(maps), kinds=KINDS)
