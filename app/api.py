"""Named endpoints for programs: probe, search, map. The same answers as the tabs, as JSON."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from glasskit.errors import InputError
from glasskit_app.map_data import map_answer
from glasskit_app.picture_input import picture_input
from glasskit_app.probe_tab import chosen_names
from glasskit_app.state import AppState

MOST = 100
"""Largest k that is answered."""


def build(state: AppState) -> None:
    """Add the endpoints to the current Blocks."""
    first = next(iter(state.names))

    def probe(picture: Image.Image, dataset: str, concepts: str, k: float) -> dict:
        """Concepts nearest to a picture, before and after training on groups.

        Args:
            picture: a JPEG, PNG or WebP file.
            dataset: name of a data set of the app, such as scenes.
            concepts: names with commas between them; empty for those of the data set.
            k: how many concepts.

        Returns:
            {"before": [{"name", "score"}], "after": [...]}, best first; scores are cosines.
        """
        if picture is None:
            raise gr.Error("probe: send a picture", print_exception=False)
        with plain_errors():
            both = state.comparison(dataset).concepts(picture, chosen_names(concepts), k=_count(k))
        return {side: [i._asdict() for i in getattr(both, side)] for side in both._fields}

    def search(phrase: str, dataset: str, k: float) -> dict:
        """Pictures of a data set nearest to a phrase, before and after training on groups.

        Args:
            phrase: any words, up to 500 characters.
            dataset: name of a data set of the app, such as scenes.
            k: how many pictures.

        Returns:
            {"before": [{"index", "key", "score"}], "after": [...]}, best first.
        """
        with plain_errors():
            both = state.comparison(dataset).images(_text(phrase), k=_count(k))
        return {side: [i._asdict() for i in getattr(both, side)] for side in both._fields}

    def map_of(dataset: str) -> dict:
        """The maps of a data set: places of pictures, captions and concepts before and after.

        Args:
            dataset: name of a data set of the app, such as scenes.

        Returns:
            keys, captions, splits, concepts, levels and views; places are x, y, x, y, ...
        """
        with plain_errors():
            return map_answer(state.maps(dataset))

    with gr.Column(visible=False):
        picture = picture_input(label="picture", format="png")
        dataset = gr.Textbox(first, label="dataset")
        concepts = gr.Textbox("", label="concepts", max_length=2000)
        phrase = gr.Textbox("", label="phrase")
        k = gr.Number(5, label="k", precision=0)
        result = gr.JSON(label="answer")
        gr.Button().click(probe, [picture, dataset, concepts, k], result, api_name="probe")
        gr.Button().click(search, [phrase, dataset, k], result, api_name="search")
        gr.Button().click(map_of, dataset, result, api_name="map")


class plain_errors:  # noqa: N801 (read as a statement: with plain_errors())
    """Turns an InputError into a notice that Gradio sends to the caller."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, InputError):
            raise gr.Error(str(error), print_exception=False) from None


def _count(k: object) -> int:
    if not isinstance(k, (int, float)) or not 1 <= k <= MOST:
        raise InputError(f"k = {k!r}: choose 1 to {MOST}")
    return int(k)


def _text(phrase: object) -> str:
    if not isinstance(phrase, str):
        raise InputError("phrase: send a text")
    return phrase
