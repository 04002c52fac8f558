"""The map: pictures and concepts of a data set, before and after training."""

from __future__ import annotations

import json
from collections import Counter
from html import escape

import numpy as np

from glasskit.analysis.selection import inside, shared_concepts
from glasskit.analysis.space import rank_score
from glasskit.errors import InputError
from glasskit.models.vectors import nearest
from glasskit.plots.map_data import SIDES, SPLIT_NAMES
from glasskit_app.html_parts import bars, gallery, picture
from glasskit_app.scripts import answered, html_tab
from glasskit_app.state import AppState

MAX_CORNERS = 400
SHOWN = 9
"""Pictures in a row of neighbours beside the map."""

SELECTED = 60
"""Pictures of a selection that are shown."""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks."""
    api = MapApi(state)

    # Gradio wants plain functions of one value, which is whatever the browser sent.
    def pin(asked: object) -> dict:
        return answered(api.pin, asked, "name", "index")

    def lasso(asked: object) -> dict:
        return answered(api.lasso, asked, "name", "side", "outline")

    def search(asked: object) -> dict:
        return answered(api.search, asked, "name", "phrase")

    call = f"GlassKit.mapPage(element, server, {json.dumps(state.names)})"
    html_tab("map.html", call, state.names, [pin, lasso, search], elem_id="map")


class MapApi:
    """What the map in the browser asks for; every value is checked, for anyone can send anything.

    Args:
        state: what is asked about.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state

    def pin(self, name: str, index: int) -> dict:
        """One picture of the data set, and the concepts and pictures nearest to it."""
        maps = self.state.maps(name)
        if type(index) is not int or not 0 <= index < len(maps.dataset):
            raise InputError(f"picture {index!r:.60}: there are {len(maps.dataset)}")
        record, names = maps.dataset.records[index], maps.dataset.labels(1)
        levels = [level for level in maps.dataset.by_name[record.concept].levels if level]
        path = "".join(f"<span>{escape(level)}</span>" for level in levels[1:])
        theme = (
            f'<p class="gk-quote gk-theme">{escape(record.theme[0])}</p>' if record.theme else ""
        )
        page = (
            f"{picture(maps, index, 'gk-large')}"
            f'<div class="gk-path"><b>{escape(record.concept)}</b>{path}</div>'
            f'<p class="gk-quote">{escape(record.captions[0])}</p>{theme}'
            f'<p class="gk-meta">{SPLIT_NAMES[record.split]} · {escape(record.key)}</p>'
        )
        seen = {side: maps.projection(side).embedding for side in SIDES}
        words = {side: nearest(e.picture[index], e.concept, 5) for side, e in seen.items()}
        scale = [float(score) for found in words.values() for score in found.score[0]]
        for side, found in words.items():
            near = nearest(seen[side].picture[index], seen[side].picture, SHOWN + 1).index[0]
            rows = zip((names[i] for i in found.index[0]), found.score[0].tolist(), strict=True)
            page += (
                f"<h4>Nearest concepts {side} training</h4>{bars(rows, scale, record.concept)}"
                f"<h4>Nearest pictures {side} training</h4>"
                f"{gallery(maps, [int(i) for i in near if i != index][:SHOWN])}"
            )
        return {"html": page}

    def lasso(self, name: str, side: str, outline: list[list[float]]) -> dict:
        """Which pictures lie inside an outline on one map, and which concepts they share."""
        maps, projection = self.state.maps(name), self.state.projection(name, side)
        held = np.flatnonzero(inside(projection.picture, _corners(outline)))
        if not len(held):
            return {
                "inside": [],
                "html": "<h3>Nothing inside</h3><p>No picture lies in the outline. Draw round some "
                "points.</p>",
            }
        groups = Counter(maps.dataset.records[i].concept for i in held).most_common(8)
        filed = " · ".join(f"{escape(concept)} {count}" for concept, count in groups)
        page = (
            f"<h3>{len(held)} picture{'s' if len(held) > 1 else ''} selected</h3>"
            f"<h4>They are filed under</h4><p>{filed}</p>"
        )
        shared = {}
        for one in SIDES:
            seen = maps.projection(one).embedding
            shared[one] = shared_concepts(seen.picture, seen.concept, maps.dataset.labels(1), held)
        scale = [item.lift for found in shared.values() for item in found]
        for one, found in shared.items():
            rows = [(item.name, item.lift) for item in found]
            page += f"<h4>What they share, {one} training</h4>{bars(rows, scale, digits=1)}"
        more = len(held) - SELECTED
        page += (
            '<p class="gk-meta">Bars: how much nearer the selected pictures are to the concept '
            "than all pictures are, in standard deviations.</p>"
            f"<h4>The pictures</h4>{gallery(maps, held[:SELECTED].tolist())}"
            + (f'<p class="gk-meta">and {more} more</p>' if more > 0 else "")
        )
        return {"inside": held.tolist(), "html": page}

    def search(self, name: str, phrase: str) -> dict:
        """How near every picture is to a phrase, 255 for the nearest, and the nearest ones."""
        maps = self.state.maps(name)
        vectors = maps.comparison.text_vectors(phrase)
        phrase = " ".join(phrase.split())
        unread = self.state.unread([phrase])
        page = f"<h3>“{escape(phrase)}”</h3>"
        page += f'<p class="gk-meta">{escape(unread)}.</p>' if unread else ""
        answer: dict = {"phrase": phrase}
        for side, vector in zip(SIDES, vectors, strict=True):
            pictures = maps.projection(side).embedding.picture
            answer[side] = np.round(255 * rank_score(pictures, vector)).astype(int).tolist()
            found = nearest(vector, pictures, SHOWN).index[0].tolist()
            page += f"<h4>Nearest pictures {side} training</h4>{gallery(maps, found)}"
        told = "The maps are coloured by how near each picture is to the phrase."
        return answer | {"html": f'{page}<p class="gk-meta">{told}</p>'}


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
