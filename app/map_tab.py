"""The map: pictures and concepts of a data set, before and after training."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np

from glasskit.analysis.geometry import rank_score
from glasskit.analysis.selection import inside, shared_concepts
from glasskit.errors import InputError
from glasskit.models.vectors import nearest
from glasskit.plots.map_data import SIDES
from glasskit_app.answers import answer
from glasskit_app.scripts import ASSETS, questions, scripted_html
from glasskit_app.selection import selection_file
from glasskit_app.state import AppState, Pair
from glasskit_app.table import table_colourings

MAX_CORNERS = 400
TAKEN = 100
"""Pictures nearest to a phrase that a visitor can take along."""

SHOWN = 9
"""Pictures in a row of neighbours beside the map."""

SELECTED = 60
"""Pictures of a selection that are shown."""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks."""
    api = MapApi(state)
    models = {name: state.maps(name).names for name in state.names}
    call = f"GlassKit.mapPage(element, server, {json.dumps(models)})"
    scripted_html(
        (ASSETS / "map.html").read_text(encoding="utf-8"),
        call,
        server_functions=questions(api.pin, api.lasso, api.search, api.take, api.table),
        apply_default_css=False,
        elem_id="map",
    )


class MapApi:
    """What the map in the browser asks for; every value is checked, for anyone can send anything.

    Args:
        state: what is asked about.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state

    def pin(self, name: str, index: int, pair: Pair = None) -> dict:
        """One picture of the data set, and the concepts and pictures nearest to it."""
        maps = self.state.maps(name, pair)
        if type(index) is not int or not 0 <= index < len(maps.dataset):
            raise InputError(f"picture {index!r:.60}: there are {len(maps.dataset)}")
        own = maps.dataset.records[index].labels
        names, sides, scale = maps.dataset.labels(1), [], []
        for side in SIDES:
            seen = maps.projection(side).embedding
            words = nearest(seen.picture[index], seen.concept, 5)
            near = nearest(seen.picture[index], seen.picture, SHOWN + 1).index[0]
            scores = words.score[0].tolist()
            rows = list(zip((names[i] for i in words.index[0]), scores, strict=True))
            sides.append((side, rows, [int(i) for i in near if i != index][:SHOWN]))
            scale += scores
        levels = [level for level in maps.dataset.by_name[own[0]].levels if level] if own else []
        html = answer(
            "pinned", maps=maps, index=index, own=own, levels=levels, sides=sides, scale=scale
        )
        near = dict.fromkeys(i for *_, pictures in sides for i in pictures)
        return {"rows": [index, *near], "html": html}

    def lasso(self, name: str, side: str, outline: list[list[float]], pair: Pair = None) -> dict:
        """Which pictures lie inside an outline on one map, and which concepts they share."""
        maps = self.state.maps(name, pair)
        if side not in SIDES:
            raise InputError(f"side {side!r:.60}: choose before or after")
        held = np.flatnonzero(inside(maps.projection(side).picture, _corners(outline)))
        groups = Counter(label for i in held for label in maps.dataset.records[i].labels)
        sides, scale = [], []
        for one in SIDES:
            seen = maps.projection(one).embedding
            found = shared_concepts(seen.picture, seen.concept, maps.dataset.labels(1), held)
            sides.append((one, [(item.name, item.lift) for item in found]))
            scale += [item.lift for item in found]
        chosen = held.tolist()
        html = answer(
            "selected",
            maps=maps,
            held=chosen,
            groups=groups.most_common(8),
            sides=sides,
            scale=scale,
            most=SELECTED,
        )
        return {"rows": chosen, "html": html}

    def search(self, name: str, phrase: str, pair: Pair = None) -> dict:
        """How near every picture is to a phrase, 255 for the nearest, and the nearest ones."""
        maps = self.state.maps(name, pair)
        vectors = maps.comparison.text_vectors(phrase)
        phrase = " ".join(phrase.split())
        sides, near = [], {}
        for side, vector in zip(SIDES, vectors, strict=True):
            pictures = maps.projection(side).embedding.picture
            near[side] = np.round(255 * rank_score(pictures, vector)).astype(int).tolist()
            sides.append((side, nearest(vector, pictures, SHOWN).index[0].tolist()))
        unread = self.state.unread([phrase])
        html = answer("found", maps=maps, phrase=phrase, unread=unread, sides=sides)
        rows = nearest(vectors[1], maps.after.embedding.picture, TAKEN).index[0].tolist()
        return {"phrase": phrase, **near, "rows": rows, "html": html}

    def take(
        self, name: str, rows: list[int], form: str, phrase: str = "", pair: Pair = None
    ) -> dict:
        """Pictures as a text to keep (see ``selection_file``), and a name for its file."""
        maps = self.state.maps(name, pair)
        code = self.state.code.get(name, f"glasskit.load_dataset({name!r})")
        text = selection_file(maps, rows, form, code, phrase)
        return {"text": text, "file": f"{name}-{len(rows)}-pictures.{form}"}

    def table(self, name: str, text: str) -> dict:
        """What the columns of a visitor's table colour."""
        return {"colourings": table_colourings(self.state.maps(name).dataset, text)}


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
