"""A tree of labels held against the taxonomy of their data set: do the same labels lie together?

Letters: c labels, b branches, t names of the taxonomy above the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.evaluation.score import Score

SHUFFLES = 200
"""Random orders of the labels that chance is the mean of."""


@dataclass(frozen=True, eq=False)
class TreeAgreement:
    """How well a tree agrees with a taxonomy, each a mean over labels, 0 to 1.

    Chance is the same tree with its labels in random order. Intervals are over families, labels of
    the very same ancestors, for these rise and fall together.

    Attributes:
        lca_depth: depth of the lowest common ancestor, in the taxonomy, of a label and those that
            the tree joins it with first; as a share of the label's own levels. 1: they are of its
            family, 0: they have only the root in common. Depth as in Bertinetto et al. 2020,
            arXiv 1912.09393.
        precision: hierarchical precision |A & T| / |A|, with T the ancestors of a label in the
            taxonomy and A those by the tree: each name of the taxonomy is read where it fits the
            tree best, at the branch of largest |both| / |either|, and is in A for all labels there.
            0 where A is empty.
        recall: hierarchical recall |A & T| / |T|. Both as in Kiritchenko et al. 2006, with the
            names matched to branches as in Larsen and Aone 1999.
    """

    lca_depth: Score
    precision: Score
    recall: Score

    def as_dict(self) -> dict[str, Any]:
        """The ``Score.as_dict`` of each measure by its name."""
        return {field.name: getattr(self, field.name).as_dict() for field in fields(self)}


def taxonomy_agreement(
    branches: np.ndarray, concepts: Sequence[Concept], *, seed: int = 0
) -> TreeAgreement:
    """Hold the branches of a tree against the higher levels of its labels.

    A name that stands above one label alone, or above all, says nothing of which labels belong
    together and is left out; so is a label that has no other.

    Args:
        branches: (b, c) bool, the labels of each branch, the root among them.
        concepts: c labels, in the order of the columns.
        seed: of the random orders.

    Raises:
        InputError: fewer than two labels have names above them.
    """
    under = ancestors(concepts)
    known = under.any(axis=1)
    under, branches = under[known], branches[:, known]
    if len(under) < 2:
        raise InputError("a tree is held against levels 2 to 4, which these labels do not share")
    branches = branches[branches.sum(axis=1) > 1]
    family = np.unique(under, axis=0, return_inverse=True)[1].reshape(-1)
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(under)) for _ in range(SHUFFLES))
    chance = np.mean([_measured(branches, under[order]).mean(axis=1) for order in orders], axis=0)
    values = _measured(branches, under)
    return TreeAgreement(
        *(Score(own, family, float(by)) for own, by in zip(values, chance, strict=True))
    )


def ancestors(concepts: Sequence[Concept]) -> np.ndarray:
    """(c, t) bool: the names of levels 2 to 4 above each label, those above two labels or more.

    Names are told apart by all that stands above them, so that "competition" may stand twice.
    """
    own = [{c.levels[level:] for level in (1, 2, 3) if c.levels[level]} for c in concepts]
    under = np.array(
        [[path in paths for path in sorted(set().union(*own), key=str)] for paths in own]
    )
    held = under.reshape(len(own), -1).sum(axis=0)
    return under.reshape(len(own), -1)[:, (held > 1) & (held < len(own))]


def _measured(branches: np.ndarray, under: np.ndarray) -> np.ndarray:
    """(3, c) depth, precision and recall of each label; (b, c) branches, (c, t) under."""
    true = under.astype(np.float64)
    sizes = branches.sum(axis=1)
    first = np.where(branches, sizes[:, None], np.inf).argmin(axis=0)  # (c,) smallest branch
    mates = branches[first] & ~np.eye(len(true), dtype=bool)  # (c, c) whom it is joined with first
    common = true @ true.T  # (c, c) depth of the lowest common ancestor
    depth = (common * mates).sum(axis=1) / mates.sum(axis=1) / true.sum(axis=1)
    inner = branches[sizes < len(true)].astype(np.float64)  # the root fits no name
    both = inner @ true  # (b, t)
    either = inner.sum(axis=1)[:, None] + true.sum(axis=0) - both
    read = inner[(both / either).argmax(axis=0)].T  # (c, t) the ancestors by the tree
    right = (read * true).sum(axis=1)
    return np.stack([depth, right / np.maximum(read.sum(axis=1), 1), right / true.sum(axis=1)])
