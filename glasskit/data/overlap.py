"""How the groups of an epoch are drawn where pictures have several labels, so that groups overlap.

Letters: S steps an epoch, M groups a step, N members a group, n records.

Rules
1. An epoch has S = ceil(n / (M N)) steps, so that a picture comes once on average.
2. The M ideas of a step differ. They are drawn without replacement, each with probability
   proportional to the square root of the number of its pictures that had no turn in this epoch:
   frequent ideas come more often, but not as often as they are frequent.
3. The N members of a group are different pictures of the idea: first those that carry none of the
   step's other ideas, since a picture must not be a negative of an idea that it carries; among
   equals those with the fewest turns. Where that does not reach, a picture that carries another
   idea of the step comes all the same, and the losses leave it out as that idea's negative.
4. An idea with fewer than N pictures forms no group, unless it is all that one of its pictures
   has; its group then repeats them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glasskit.data.grouped import GroupedDataset

LOOKED_AT = 16
"""Pictures for each place of a group among which one without other ideas of the step is sought."""


def drawable(pools: Sequence[np.ndarray], owner: np.ndarray, members: int) -> np.ndarray:
    """(labels,) bool: which labels form groups (rule 4).

    Args:
        pools: pairs of record and label, by label.
        owner: (E,) the record of each pair.
        members: N.
    """
    large = np.array([len(pool) >= members for pool in pools])
    reached = np.zeros(owner.max() + 1, dtype=bool)
    for pool in pools:
        reached[owner[pool]] |= len(pool) >= members
    return large | np.array([not reached[owner[pool]].all() for pool in pools])


@dataclass(frozen=True, eq=False)
class OverlappingGroups:
    """Draws overlapping groups by the rules above.

    Args:
        dataset: the records.
        labels: (P,) the labels that form groups, as indices into ``labels(1)``.
        pools: of each, its pairs of record and label (`GroupedDataset.memberships`).
        neighbours: of each, the places in ``labels`` of its hard negatives.
        groups: M. members: N.
        hard_negatives: how many groups of a step are hard negatives of its first.
    """

    dataset: GroupedDataset
    labels: np.ndarray
    pools: Sequence[np.ndarray]
    neighbours: Sequence[np.ndarray]
    groups: int
    members: int
    hard_negatives: int

    def draw(self, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The groups of an epoch.

        Returns:
            (S, M) places in ``labels``; (S, M, N) pairs of record and label.
        """
        owner, label = self.dataset.memberships
        place = np.full(len(self.dataset.labels(1)), -1)
        place[self.labels] = np.arange(len(self.labels))
        pool_of = place[label]  # (E,) -1: its label forms no group
        first = np.searchsorted(owner, np.arange(len(self.dataset) + 1))
        waiting = np.array([len(pool) for pool in self.pools])
        turns = np.zeros(len(self.dataset), dtype=np.int64)
        ideas = np.empty((steps, self.groups), dtype=np.int64)
        pairs = np.empty((*ideas.shape, self.members), dtype=np.int64)
        for step in range(steps):
            ideas[step] = self._ideas(waiting, rng)
            for group, idea in enumerate(ideas[step]):
                others = self.labels[np.delete(ideas[step], group)]
                pairs[step, group] = self._members(idea, others, turns, rng)
                records = owner[pairs[step, group]]
                for record in np.unique(records[turns[records] == 0]):
                    own = pool_of[first[record] : first[record + 1]]
                    waiting[own[own >= 0]] -= 1
                turns[records] += 1
        return ideas, pairs

    def _ideas(self, waiting: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(M,) ideas of a step: one, its share of hard negatives, the rest (rule 2)."""
        # Gumbel noise on log weights, and the largest taken: a draw without replacement.
        score = np.log(np.maximum(waiting, 1e-9)) / 2 + rng.gumbel(size=len(waiting))
        chosen = [int(np.argmax(score))]
        chosen += list(rng.permutation(self.neighbours[chosen[0]])[: self.hard_negatives])
        score[chosen] = -np.inf
        rest = np.argsort(-score, kind="stable")[: self.groups - len(chosen)]
        return np.array([*chosen, *rest])

    def _members(
        self, idea: int, others: np.ndarray, turns: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(N,) pairs of one group (rules 3 and 4)."""
        pool, owner = self.pools[idea], self.dataset.memberships[0]
        order = np.argsort(turns[owner[pool]] + rng.random(len(pool)))
        looked_at = pool[order[: LOOKED_AT * self.members]]
        carried = self.dataset.carries(owner[looked_at], others).sum(1)
        return np.resize(looked_at[np.argsort(carried, kind="stable")], self.members)
