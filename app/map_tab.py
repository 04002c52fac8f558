"""The map: pictures and concepts of a data set, before and after training."""

from __future__ import annotations

import base64
from collections import Counter

import numpy as np

from glasskit.errors import InputError
from glasskit.latent.neighbours import nearest, nearness
from glasskit.latent.selection import inside, shared_concepts
from glasskit_app.museum import Museum
from glasskit_app.scripts import answered, room

MAX_CORNERS = 400
SHOWN = 9
"""Pictures in a row of neighbours on the wall."""


def build(museum: Museum) -> None:
    """Draw the tab inside the current Blocks."""
    ask = Questions(museum)

    # Gradio wants plain functions of one value, which is whatever the browser sent.
    def select(asked: object) -> dict:
        return answered(ask.select, asked, "name", "side", "outline")

    def search(asked: object) -> dict:
        return answered(ask.search, asked, "name", "phrase")

    def describe(asked: object) -> dict:
        return answered(ask.describe, asked, "name", "index")

    room(
        "map.html",
        "GlassKit.mapPage(element, server)",
        museum.names,
        [select, search, describe],
        elem_id="map",
    )


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
        held = inside(view.picture, _corners(outline))
        selected = np.flatnonzero(held)
        names = exhibit.dataset.labels(1)
        shared = {}
        for which in ("before", "after"):
            seen = exhibit.view(which).embedding
            found = shared_concepts(seen.picture, seen.concept, names, selected)
            shared[which] = [item._asdict() for item in found]
        groups = Counter(exhibit.dataset.records[i].concept for i in selected).most_common(8)
        # A bit a picture, for 100,000 of them can be inside (app/assets/map_data.js: setBits).
        bits = base64.b64encode(np.packbits(held, bitorder="little")).decode()
        return {"inside": bits, "shared": shared, "groups": groups}

    def search(self, name: str, phrase: str) -> dict:
        """How near every picture is to a phrase, as bytes (255 the nearest), and the nearest."""
        exhibit = self.museum.exhibit(name)
        vectors = self.museum.comparison(name).text_vectors(phrase)
        answer: dict = {"phrase": " ".join(phrase.split()), "nearest": {}}
        for side, vector in zip(("before", "after"), vectors, strict=True):
            pictures = exhibit.view(side).embedding.picture
            near = np.round(255 * nearness(pictures, vector)).astype(np.uint8)
            answer[side] = base64.b64encode(near).decode()
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
