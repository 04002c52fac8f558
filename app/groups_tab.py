"""Groups: how the pictures of one lie, and what its loss says when a picture goes or comes."""

from __future__ import annotations

import numpy as np

from glasskit.errors import InputError
from glasskit.plots.map_data import SIDES
from glasskit_app.scripts import answered, html_tab
from glasskit_app.state import AppState, DatasetMaps
from glasskit_app.thumbnails import pictures_url

SHOWN = 24
"""Members that a group is shown with at first."""

RIVALS = 4
STRANGERS = 3
"""Pictures offered of each rival group."""


def build(state: AppState) -> None:
    """Draw the tab inside the current Blocks."""

    def open_group(asked: object) -> dict:
        return answered(lambda name, concept: _open(state, name, concept), asked, "name", "concept")

    def measure(asked: object) -> dict:
        return answered(
            lambda name, concept, members: _measure(state, name, concept, members),
            asked,
            "name",
            "concept",
            "members",
        )

    html_tab(
        "groups.html",
        "GlassKit.groupsPage(element, server)",
        state.names,
        [open_group, measure],
    )


def _open(state: AppState, name: object, concept: object) -> dict:
    """A group's members, its rivals, and strangers that could be put in."""
    maps = state.maps(name)
    from glasskit.analysis.geometry import rivals  # torch comes in with the first group

    groups = maps.dataset.groups()
    if not isinstance(concept, str) or concept not in groups:
        raise InputError(f"group {concept!r} is not in {maps.name}")
    members = groups[concept][:SHOWN].tolist()
    against = rivals(maps.before.embedding, groups, concept, RIVALS)
    strangers = [int(i) for rival in against for i in groups[rival][:STRANGERS]]
    # JSON objects have text for keys.
    shown = {str(i): maps.dataset.records[i] for i in [*members, *strangers]}
    return {
        "members": members,
        "strangers": strangers,
        "rivals": against,
        "hard_negatives": list(maps.dataset.by_name[concept].hard_negatives),
        "guide": maps.dataset.by_name[concept].guide,
        "captions": {i: record.captions[0] for i, record in shown.items()},
        "pictures": pictures_url(maps.name) if maps.thumbnails else None,
        "concepts": {i: record.concept for i, record in shown.items()},
    }


def _measure(state: AppState, name: object, concept: object, members: object) -> dict:
    """The group of these members by both models."""
    from glasskit.analysis.geometry import rivals

    maps = state.maps(name)
    groups = maps.dataset.groups()
    if not isinstance(concept, str) or concept not in groups:
        raise InputError(f"group {concept!r} is not in {maps.name}")
    if not isinstance(members, list) or not all(type(i) is int for i in members):
        raise InputError("members: send a list of numbers of pictures")
    against = rivals(maps.before.embedding, groups, concept, RIVALS)
    return {side: _one_side(maps, side, groups, concept, members, against) for side in SIDES}


def _one_side(
    maps: DatasetMaps,
    side: str,
    groups: dict[str, np.ndarray],
    concept: str,
    members: list[int],
    against: list[str],
) -> dict:
    from glasskit.analysis.geometry import group_report

    seen = maps.projection(side).embedding
    word = seen.concept[maps.dataset.labels(1).index(concept)]
    found = group_report(seen, groups, concept, members, against, word=word)
    return {
        "similarity": np.round(found.similarity, 3).tolist(),
        "to_centre": [round(x, 4) for x in found.to_centre],
        "cohesion": found.cohesion,
        "word": found.word,
        "outer": found.outer,
        "inner": found.inner,
    }
