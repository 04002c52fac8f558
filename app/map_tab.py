"""The map: pictures and concepts of a data set, before and after training."""

from __future__ import annotations

import html
from collections.abc import Callable

import gradio as gr
import numpy as np

from app.museum import Museum
from app.scripts import ASSETS, on_load
from glasskit.errors import InputError
from glasskit.latent.neighbours import nearest, nearness
from glasskit.latent.selection import inside, shared_concepts

TEMPLATE = ASSETS / "map.html"
MAX_CORNERS = 400
SHOWN = 9
"""Pictures in a row of neighbours on the wall."""


def build(museum: Museum) -> gr.HTML:
    """Draw the tab inside the current Blocks."""
    ask = Questions(museum)

    # Gradio wants plain functions of one value, which is whatever the browser sent.
    def select(asked: object) -> dict:
        return answered(ask.select, asked, "name", "side", "outline")

    def search(asked: object) -> dict:
        return answered(ask.search, asked, "name", "phrase")

    def describe(asked: object) -> dict:
        return answered(ask.describe, asked, "name", "index")

    options = "".join(
        f'<option value="{html.escape(name, quote=True)}">{html.escape(name)}</option>'
        for name in museum.exhibits
    )
    return gr.HTML(
        value="",
        html_template=TEMPLATE.read_text(encoding="utf-8").replace("@datasets", options),
        js_on_load=on_load("GlassKit.mapPage(element, server)"),
        server_functions=[select, search, describe],
        apply_default_css=False,
        elem_id="map",
    )


def answered(question: Callable[..., dict], asked: object, *names: str) -> dict:
    """The answer to what a browser sent, or {"error": one line} where it can't be answered."""
    try:
        if not isinstance(asked, dict) or set(asked) != set(names):
            raise InputError(f"send an object with {', '.join(names)}")
        return question(**asked)
    except InputError as error:
        return {"error": str(error)}


class Questions:
    """What the map in the browser asks for; every value is checked, for anyone can send anything.

    Args:
        museum: what is asked about.
    """

    def __init__(self, museum: Museum) -> None:
        self.museum = museum

    def select(self, name: str, side: str, outline: list[list[float]]) -> dict:
        """Which pictures lie inside an outline on one map, and which concepts they share."""
        view, exhibit = self.museum.view(name, side), self.museum.exhibit(name)
        selected = np.flatnonzero(inside(view.picture, _corners(outline)))
        names = exhibit.dataset.labels(1)
        shared = {}
        for which in ("before", "after"):
            seen = exhibit.view(which).embedding
            found = shared_concepts(seen.picture, seen.concept, names, selected)
            shared[which] = [item._asdict() for item in found]
        concepts = [exhibit.dataset.records[i].concept for i in selected]
        counts = {concept: concepts.count(concept) for concept in dict.fromkeys(concepts)}
        groups = sorted(counts.items(), key=lambda item: -item[1])[:8]
        return {"indices": selected.tolist(), "shared": shared, "groups": groups}

    def search(self, name: str, phrase: str) -> dict:
        """How near every picture is to a phrase (0 farthest, 1 nearest), and the nearest."""
        exhibit = self.museum.exhibit(name)
        vectors = self.museum.comparison(name).text_vectors(phrase)
        answer: dict = {"phrase": " ".join(phrase.split()), "nearest": {}}
        for side, vector in zip(("before", "after"), vectors, strict=True):
            pictures = exhibit.view(side).embedding.picture
            answer[side] = np.round(nearness(pictures, vector), 3).tolist()
            answer["nearest"][side] = nearest(vector, pictures, SHOWN).index[0].tolist()
        return answer

    def describe(self, name: str, index: int) -> dict:
        """The concepts and pictures nearest to one picture of the data set, before and after."""
        exhibit = self.museum.exhibit(name)
        if not isinstance(index, int) or not 0 <= index < len(exhibit.dataset):
            raise InputError(f"picture {index!r}: there are {len(exhibit.dataset)}")
        names, answer = exhibit.dataset.labels(1), {}
        for side in ("before", "after"):
            seen = exhibit.view(side).embedding
            query = seen.picture[index]
            words = nearest(query, seen.concept, 5)
            near = nearest(query, seen.picture, SHOWN + 1).index[0]
            answer[side] = {
                "concepts": [
                    {"name": names[i], "value": round(float(score), 4)}
                    for i, score in zip(words.index[0], words.score[0], strict=True)
                ],
                "pictures": [int(i) for i in near if i != index][:SHOWN],
            }
        return answer


def _corners(outline: object) -> np.ndarray:
    try:
        corners = np.asarray(outline, dtype=np.float64)
    except (TypeError, ValueError):
        corners = np.zeros(0)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or not 3 <= len(corners) <= MAX_CORNERS:
        raise InputError(f"outline: give 3 to {MAX_CORNERS} corners [x, y]")
    if not np.isfinite(corners).all():
        raise InputError("outline: every corner must be two finite numbers")
    return corners
