"""The map: pictures and concepts of a data set, before and after training."""

from __future__ import annotations

import base64
from collections import Counter

import numpy as np

from glasskit.analysis.geometry import rank_score
from glasskit.analysis.selection import inside, shared_concepts
from glasskit.errors import InputError
from glasskit.models.vectors import nearest
from glasskit_app.scripts import answered, html_tab
from glasskit_app.state import AppState

MAX_CORNERS = 400
SHOWN = 9
"""Pictures in a row of neighbours beside the map."""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks."""
    ask = Questions(state)

    # Gradio wants plain functions of one value, which is whatever the browser sent.
    def select(asked: object) -> dict:
        return answered(ask.select, asked, "name", "side", "outline")

    def search(asked: object) -> dict:
        return answered(ask.search, asked, "name", "phrase")

    def describe(asked: object) -> dict:
        return answered(ask.describe, asked, "name", "index")

    html_tab(
        "map.html",
        "GlassKit.mapPage(element, server)",
        state.names,
        [select, search, describe],
        elem_id="map",
    )


class Questions:
    """What the map in the browser asks for; every value is checked, for anyone can send anything.

    Args:
        state: what is asked about.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state

    def select(self, name: str, side: str, outline: list[list[float]]) -> dict:
        """Which pictures lie inside an outline on one map, and which concepts they share."""
        maps, projection = self.state.maps(name), self.state.projection(name, side)
        held = inside(projection.picture, _corners(outline))
        selected = np.flatnonzero(held)
        names = maps.dataset.labels(1)
        shared = {}
        for which in ("before", "after"):
            seen = maps.projection(which).embedding
            found = shared_concepts(seen.picture, seen.concept, names, selected)
            shared[which] = [item._asdict() for item in found]
        groups = Counter(maps.dataset.records[i].concept for i in selected).most_common(8)
        # A bit a picture, for 100,000 of them can be inside (app/assets/map_data.js: setBits).
        bits = base64.b64encode(np.packbits(held, bitorder="little")).decode()
        return {"inside": bits, "shared": shared, "groups": groups}

    def search(self, name: str, phrase: str) -> dict:
        """How near every picture is to a phrase, as bytes (255 the nearest), and the nearest."""
        maps = self.state.maps(name)
        vectors = self.state.comparison(name).text_vectors(phrase)
        told = " ".join(phrase.split())
        answer: dict = {"phrase": told, "note": self.state.unread([told]), "nearest": {}}
        for side, vector in zip(("before", "after"), vectors, strict=True):
            pictures = maps.projection(side).embedding.picture
            near = np.round(255 * rank_score(pictures, vector)).astype(np.uint8)
            answer[side] = base64.b64encode(near).decode()
            answer["nearest"][side] = nearest(vector, pictures, SHOWN).index[0].tolist()
        return answer

    def describe(self, name: str, index: int) -> dict:
        """The concepts and pictures nearest to one picture of the data set, before and after."""
        maps = self.state.maps(name)
        if not isinstance(index, int) or not 0 <= index < len(maps.dataset):
            raise InputError(f"picture {index!r}: there are {len(maps.dataset)}")
        names, answer = maps.dataset.labels(1), {}
        for side in ("before", "after"):
            seen = maps.projection(side).embedding
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
