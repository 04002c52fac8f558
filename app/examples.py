"""Pictures to start with, chosen by what the two models make of them, failures among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glasskit_app.dataset_maps import DatasetMaps, measured

MOST = 12
SHARES = {"learned": 7, "known": 2, "lost": 1, "missed": 2}
"""How many of each kind where there are enough of all; kinds that are left over fill the rest."""

SAID = {
    "learned": "learned in training",
    "known": "right before and after",
    "lost": "a failure: right before, wrong after",
    "missed": "a failure: wrong before and after",
}


class Example(NamedTuple):
    """A picture to start with.

    Attributes:
        index: of the record.
        kind: learned, known, lost or missed: whether its own concept was the nearest of all before
            and is after training.
    """

    index: int
    kind: str


def teaching(maps: DatasetMaps, most: int = MOST) -> list[Example]:
    """At most one picture of a concept, from those that training never saw; what was learned first.

    Of each kind come first the pictures whose own concept is farthest ahead of the best other one
    after training (of failures: least far behind), so that the first example is the clearest.

    Args:
        maps: whose pictures.
        most: how many.
    """
    _, chosen = measured(maps.dataset)
    rows = np.asarray(chosen)
    targets = maps.dataset.targets(1)[rows]
    was, now = (maps.recognised(side).rank[rows] == 1 for side in ("before", "after"))
    kinds = np.where(now, np.where(was, "known", "learned"), np.where(was, "lost", "missed"))
    seen = maps.after.embedding
    scores = seen.picture[rows] @ seen.concept.T  # (rows, c)
    own = np.take_along_axis(scores, targets[:, None], axis=1)[:, 0]
    np.put_along_axis(scores, targets[:, None], -np.inf, axis=1)
    order = np.argsort(-(own - scores.max(axis=1)), kind="stable")
    found: dict[str, list[Example]] = {kind: [] for kind in SHARES}
    taken: set[int] = set()
    for kind, share in SHARES.items():
        for place in order[kinds[order] == kind]:
            if len(found[kind]) < share and targets[place] not in taken:
                taken.add(int(targets[place]))
                found[kind].append(Example(int(rows[place]), kind))
    for place in order:
        if sum(map(len, found.values())) >= most:
            break
        if targets[place] not in taken:
            taken.add(int(targets[place]))
            kind = str(kinds[place])
            found[kind].append(Example(int(rows[place]), kind))
    return [example for kind in SHARES for example in found[kind]][:most]
