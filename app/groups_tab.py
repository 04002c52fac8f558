"""Groups: how the pictures of one lie, and what its loss says when a picture goes or comes."""

from __future__ import annotations

import numpy as np

from glasskit.errors import InputError
from glasskit_app.exhibit import SIDES, Exhibit
from glasskit_app.museum import Museum
from glasskit_app.scripts import answered, room

SHOWN = 24
"""Members that a group is shown with at first."""

RIVALS = 4
STRANGERS = 3
"""Pictures offered of each rival group."""


def build(museum: Museum) -> None:
    """Draw the tab inside the current Blocks."""

    def open_group(asked: object) -> dict:
        return answered(
            lambda name, concept: _open(museum, name, concept), asked, "name", "concept"
        )

    def measure(asked: object) -> dict:
        return answered(
            lambda name, concept, members: _measure(museum, name, concept, members),
            asked,
            "name",
            "concept",
            "members",
        )

    room(
        "groups.html",
        "GlassKit.groupsPage(element, server)",
        museum.names,
        [open_group, measure],
    )


def _open(museum: Museum, name: object, concept: object) -> dict:
    """A group's members, its rivals, and strangers that could be put in."""
    exhibit = museum.exhibit(name)
    from glasskit.latent.groups import rivals  # torch comes in with the first group

    groups = exhibit.dataset.groups()
    if not isinstance(concept, str) or concept not in groups:
        raise InputError(f"group {concept!r} is not in {exhibit.name}")
    members = groups[concept][:SHOWN].tolist()
    against = rivals(exhibit.before.embedding, groups, concept, RIVALS)
    strangers = [int(i) for rival in against for i in groups[rival][:STRANGERS]]
    # JSON objects have text for keys.
    shown = {str(i): exhibit.dataset.records[i] for i in [*members, *strangers]}
    return {
        "members": members,
        "strangers": strangers,
        "rivals": against,
        "hard_negatives": list(exhibit.dataset.by_name[concept].hard_negatives),
        "guide": exhibit.dataset.by_name[concept].guide,
        "captions": {i: record.captions[0] for i, record in shown.items()},
        "pictures": f"kit/pictures/{exhibit.name}/" if exhibit.thumbnails else None,
        "concepts": {i: record.concept for i, record in shown.items()},
    }


def _measure(museum: Museum, name: object, concept: object, members: object) -> dict:
    """The group of these members by both models."""
    from glasskit.latent.groups import rivals

    exhibit = museum.exhibit(name)
    groups = exhibit.dataset.groups()
    if not isinstance(concept, str) or concept not in groups:
        raise InputError(f"group {concept!r} is not in {exhibit.name}")
    if not isinstance(members, list) or not all(type(i) is int for i in members):
        raise InputError("members: send a list of numbers of pictures")
    against = rivals(exhibit.before.embedding, groups, concept, RIVALS)
    return {side: _one_side(exhibit, side, groups, concept, members, against) for side in SIDES}


def _one_side(
    exhibit: Exhibit,
    side: str,
    groups: dict[str, np.ndarray],
    concept: str,
    members: list[int],
    against: list[str],
) -> dict:
    from glasskit.latent.groups import group_report

    seen = exhibit.view(side).embedding
    word = seen.concept[exhibit.dataset.labels(1).index(concept)]
    found = group_report(seen, groups, concept, members, against, word=word)
    return {
        "similarity": np.round(found.similarity, 3).tolist(),
        "to_centre": [round(x, 4) for x in found.to_centre],
        "cohesion": found.cohesion,
        "word": found.word,
        "outer": found.outer,
        "inner": found.inner,
    }
