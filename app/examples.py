"""Pictures to start with, chosen by what the two models make of them, failures among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glasskit.plots.map_data import measured
from glasskit_app.state import DatasetMaps

MOST = 12
SHARES = {"learned": 7, "known": 2, "lost": 1, "missed": 2}
"""How many of each kind where there are enough of all; kinds that are left over fill the rest."""

KINDS = {
    "learned": ("learned ✓", "learned in training"),
    "known": ("known ✓", "right before and after"),
    "lost": ("lost ✗", "a failure: right before, wrong after"),
    "missed": ("missed ✗", "a failure: wrong before and after"),
    "": ("", "a picture that nobody labelled"),
}
"""Label and sentence of each kind."""


class Example(NamedTuple):
    """A picture to start with.

    Attributes:
        row: number of the record.
        kind: learned, known, lost or missed: whether its own concept (of several: one of them) was
            the nearest of all before and is after training. "": it has no label.
    """

    row: int
    kind: str


def teaching(maps: DatasetMaps) -> list[Example]:
    """At most one picture of a concept, from those that training never saw; what was learned first.

    Of each kind come first the pictures whose own concept is farthest ahead of the best other one
    after training (of failures: least far behind), so that the first example is the clearest.
    """
    rows = np.asarray(measured(maps.dataset)[1])
    if not maps.dataset.labelled:
        return [Example(int(row), "") for row in rows[:: -(-len(rows) // MOST)]]
    carried = maps.dataset.carried(1)[rows]  # (rows, c)
    was, now = (one.recognised.rank[rows] == 1 for one in (maps.before, maps.after))
    kinds = np.where(now, np.where(was, "known", "learned"), np.where(was, "lost", "missed"))
    seen = maps.after.embedding
    scores = seen.picture[rows] @ seen.concept.T  # (rows, c)
    own = np.where(carried, scores, -np.inf)
    other = np.where(carried, -np.inf, scores)
    clearest = np.argsort(other.max(axis=1) - own.max(axis=1), kind="stable")
    targets = own.argmax(axis=1)  # the label that it comes nearest to

    chosen: list[Example] = []
    taken: set[int] = set()

    def take(places: np.ndarray, most: int) -> None:
        for place in places:
            if most > 0 and targets[place] not in taken:
                taken.add(targets[place])
                chosen.append(Example(int(rows[place]), str(kinds[place])))
                most -= 1

    for kind, share in SHARES.items():
        take(clearest[kinds[clearest] == kind], share)
    take(clearest, MOST - len(chosen))
    return sorted(chosen, key=lambda example: list(SHARES).index(example.kind))
