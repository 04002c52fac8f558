"""Named endpoints for programs: probe, search, map. The same answers as the tabs, as JSON, by the
two models that are named."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.components import Component
from PIL import Image

from glasskit.analysis.probe import Both
from glasskit.errors import InputError
from glasskit_app.model_choice import SIDES
from glasskit_app.picture_input import picture_input
from glasskit_app.probe_tab import chosen_names
from glasskit_app.scripts import refusals_told
from glasskit_app.state import AppState, DatasetMaps

MOST = 100
"""Largest k that is answered."""


def build(state: AppState) -> None:
    """Add the endpoints to the current Blocks."""
    first = next(iter(state.names))

    def maps(dataset: object, left: object, right: object) -> DatasetMaps:
        """The data set with the two models; without both names with the usual ones."""
        named = _text("left", left), _text("right", right)
        return state.maps(dataset, named if any(named) else None)

    def probe(
        picture: Image.Image | None,
        dataset: object,
        concepts: object,
        k: object,
        scores: object,
        left: object,
        right: object,
    ) -> dict:
        """Concepts nearest to a picture, by two models such as before and after training on groups.

        Args:
            picture: a JPEG, PNG or WebP file.
            dataset: name of a data set of the app, such as scenes.
            concepts: names with commas between them; empty for those of the data set.
            k: how many concepts.
            scores: cosine, or standard: standard deviations from the mean of the training pictures.
            left: name of the first model, whose answer is "before".
            right: name of the other model, "after"; both empty: the usual two of the app.

        Returns:
            {"before": [{"name", "score"}], "after": [...]}, best first.
            "note" is there too where the concepts are read only in part.
        """
        with refusals_told():
            if picture is None:
                raise InputError("probe: send a picture")
            names = chosen_names(None if concepts is None else _text("concepts", concepts))
            comparison, asked = maps(dataset, left, right).comparison, _text("scores", scores)
            both = comparison.concepts(picture, names, _count(k), asked)
            return _told(both, state.unread(names, "concepts") if names else "")

    def search(phrase: object, dataset: object, k: object, left: object, right: object) -> dict:
        """Pictures of a data set nearest to a phrase, by two models.

        Args:
            phrase: any words, up to 500 characters.
            dataset: name of a data set of the app, such as scenes.
            k: how many pictures.
            left: name of the first model, whose answer is "before".
            right: name of the other model, "after"; both empty: the usual two of the app.

        Returns:
            {"before": [{"index", "key", "score"}], "after": [...]}, best first.
            "note" is there too where the phrase is read only in part.
        """
        with refusals_told():
            text = _text("phrase", phrase)
            both = maps(dataset, left, right).comparison.images(text, k=_count(k))
            return _told(both, state.unread([text]))

    def map_of(dataset: object, left: object, right: object) -> dict:
        """The maps of a data set: places of pictures, captions and concepts by two models.

        Args:
            dataset: name of a data set of the app, such as scenes.
            left: name of the first model, whose answer is "before".
            right: name of the other model, "after"; both empty: the usual two of the app.

        Returns:
            keys, captions, splits, labels, concepts, colourings and views; places are x, y, ...
        """
        with refusals_told():
            return maps(dataset, left, right).map

    with gr.Column(visible=False):
        picture = picture_input(label="picture", format="png")
        dataset = _as_sent(gr.Textbox(first, label="dataset"))
        concepts = _as_sent(gr.Textbox("", label="concepts"))
        phrase = _as_sent(gr.Textbox("", label="phrase"))
        k = _as_sent(gr.Number(5, label="k", precision=0))
        scores = _as_sent(gr.Textbox("cosine", label="scores"))
        pair = [_as_sent(gr.Textbox("", label=side)) for side in SIDES]
        result = gr.JSON(label="answer")
        asked: dict[str, tuple[Callable[..., dict], list[Component]]] = {
            "probe": (probe, [picture, dataset, concepts, k, scores]),
            "search": (search, [phrase, dataset, k]),
            "map": (map_of, [dataset]),
        }
        for name, (answer, inputs) in asked.items():
            gr.Button().click(answer, [*inputs, *pair], result, api_name=name)


def _as_sent(component: Component) -> Component:
    """The component, handing over any value as it was sent: Gradio's own reading of a number fails
    without a word to the caller, and its reading of a text makes one of anything."""
    component.preprocess = lambda payload: payload  # type: ignore[method-assign]
    return component


def _told(both: Both, note: str) -> dict:
    answer: dict = {side: [i._asdict() for i in getattr(both, side)] for side in both._fields}
    return answer | ({"note": note} if note else {})


def _count(k: object) -> int:
    if isinstance(k, bool) or not isinstance(k, int | float) or not 1 <= k <= MOST or k != int(k):
        raise InputError(f"k = {k!r:.60}: choose 1 to {MOST}, a whole number")
    return int(k)


def _text(name: str, sent: object) -> str:
    if not isinstance(sent, str):
        raise InputError(f"{name}: send a text, not {type(sent).__name__}")
    return sent
