"""Groups re-formed every epoch: whole groups to each process, the same again for the same seed.

Letters: S steps an epoch, M groups a step, N members a group.

Rules
1. A group holds N distinct photographs of one concept. Every photograph comes at least once an
   epoch: a concept's photographs are shuffled and cut into groups, and the last group is filled
   with photographs of the same concept that had their turn already.
2. A concept with n < N photographs cannot do that. So that it is trained on all the same, its group
   repeats its photographs, each time with another of their captions while they last and no
   photograph more than ceil(N / n) times. ``EpochPlan.repeats`` counts such places. Where no
   concept at all has N photographs, N does not fit the data and an InputError says so.
3. The M groups of a step are of M different concepts: two groups of one concept in a step would be
   each other's negatives.
4. A share of a step's groups are hard negatives of its first concept, drawn without replacement
   from those that still have groups to give in this epoch.
5. Steps are always full. Concepts that have no groups left fill the last steps with extra ones.

Where pictures have several labels, groups overlap and `glasskit.data.overlap` draws them in place
of rules 1, 2 and 5.

An epoch's plan depends on (seed, epoch) alone, so that a stopped run goes on in the middle of an
epoch by asking for the same plan again, and every process knows the part of every other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasskit.data.captions import CaptionTable
from glasskit.data.grouped import GroupedDataset
from glasskit.data.overlap import OverlappingGroups, drawable
from glasskit.errors import InputError


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """Who meets whom in one epoch, as indices.

    Args:
        records: (S, M, N) indices of records.
        concepts: (S, M) the label of each group, as an index into ``labels(1)`` of the data set.
        captions: (S, M, N) indices into ``CaptionTable.texts``: the caption of each member.
        paraphrases: (S, M, N) another literal caption of the same record, or -1 where it has none.
        generals: (S, M, N) a theme caption of the record for the group's label, or -1 where it has
            none.
        opposites: (S, M, N) a record of a hard-negative concept of the member's concept.
        repeats: how many places repeat a photograph within its group (rule 2).
    """

    records: np.ndarray
    concepts: np.ndarray
    captions: np.ndarray
    paraphrases: np.ndarray
    generals: np.ndarray
    opposites: np.ndarray
    repeats: int

    def __len__(self) -> int:
        return len(self.records)


def group_pools(dataset: GroupedDataset, members: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """(P,) the labels that form groups of N members, as indices into ``labels(1)``; and of each its
    pairs of record and label (`GroupedDataset.memberships`)."""
    owner, label = dataset.memberships
    used = np.unique(label)
    pools = [np.flatnonzero(label == one) for one in used]
    if not dataset.several:
        return used, pools
    kept = np.flatnonzero(drawable(pools, owner, members))
    return used[kept], [pools[i] for i in kept]


class GroupSampler:
    """Draws the groups of each epoch from a data set.

    Args:
        dataset: the records to train on.
        groups: M, groups a step over all processes; at most the number of concepts.
        members: N, members a group.
        captions: the captions of ``dataset`` with their weights.
        hard_negative_share: share of a step's groups, 0 to 1, that are hard negatives of the first.
        seed: a run's seed.

    Raises:
        InputError: M or N does not fit the data (rules 2 and 3).
    """

    def __init__(
        self,
        dataset: GroupedDataset,
        groups: int,
        members: int,
        captions: CaptionTable,
        hard_negative_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        used, pools = group_pools(dataset, members)
        self.dataset, self.labels, self.pools, self.captions = dataset, used, pools, captions
        self.groups, self.members, self.seed = groups, members, seed
        self._last: tuple[int, EpochPlan] | None = None
        self.hard_negatives = round(hard_negative_share * (groups - 1))
        largest = max(len(pool) for pool in self.pools)
        if members > largest:
            raise InputError(
                f"group_size {members}: the largest concept of {dataset.name!r} has {largest} "
                f"photographs to train on; choose {largest} or less"
            )
        if groups > len(self.pools):
            raise InputError(
                f"groups_per_batch {groups}: {dataset.name!r} has {len(self.pools)} concepts to "
                f"train on and a batch never holds one twice; choose {len(self.pools)} or less"
            )
        names = [dataset.labels(1)[i] for i in used]
        place = {name: i for i, name in enumerate(names)}
        near = (dataset.by_name[name].hard_negatives for name in names)
        self.neighbours = [
            np.array([place[name] for name in names if name in place], dtype=np.int64)
            for names in near
        ]
        # Rule 1: groups that a concept needs for each of its photographs to come once.
        self.needed = np.array([-(-len(pool) // members) for pool in self.pools])
        # Rule 3 sets the second bound: a concept gives one group a step.
        self.steps = max(-(-int(self.needed.sum()) // groups), int(self.needed.max()))
        if dataset.several:
            self.steps = -(-len(dataset) // (groups * members))

    def __len__(self) -> int:
        return self.steps

    def plan(self, epoch: int) -> EpochPlan:
        """The groups of one epoch; the same for the same (seed, epoch)."""
        if self._last is None or self._last[0] != epoch:  # validation asks for one again and again
            self._last = epoch, self._draw(epoch)
        return self._last[1]

    def _draw(self, epoch: int) -> EpochPlan:
        rng = np.random.default_rng((self.seed, epoch))
        if self.dataset.several:
            overlapping = OverlappingGroups(
                self.dataset,
                self.labels,
                self.pools,
                self.neighbours,
                self.groups,
                self.members,
                self.hard_negatives,
            )
            concepts, pairs = overlapping.draw(self.steps, rng)
        else:
            concepts = self._compose(rng)  # (S, M)
            pairs = np.empty((*concepts.shape, self.members), dtype=np.int64)
            for concept, pool in enumerate(self.pools):
                places = np.nonzero(concepts == concept)
                pairs[places] = _cut(pool, len(places[0]), self.members, rng)
        records = self.captions.owner[pairs]
        captions = self.captions.draw(pairs, rng)
        repeats = records.size - sum(len(set(group)) for group in records.reshape(-1, self.members))
        if repeats:
            captions = self.captions.vary(pairs, captions)
        paraphrases = self.captions.others(records, captions, rng)
        opposites = self._opposites(concepts, records.shape, rng)
        generals = self.captions.general(pairs, rng)  # last, so that no other draw depends on it
        return EpochPlan(
            records, self.labels[concepts], captions, paraphrases, generals, opposites, repeats
        )

    def _compose(self, rng: np.random.Generator) -> np.ndarray:
        """(S, M) which concepts meet in each step: all different in a row, all needs met."""
        left = self.needed.copy()
        steps = np.empty((self.steps, self.groups), dtype=np.int64)
        for step in range(self.steps):
            # A concept with a group for every step that is left must come now.
            chosen = list(rng.permutation(np.nonzero(left >= self.steps - step)[0]))
            if not chosen:
                chosen = [int(rng.choice(len(left), p=left / left.sum() if left.any() else None))]
            near = self.neighbours[chosen[0]]
            near = rng.permutation(near[(left[near] > 0) & ~np.isin(near, chosen)])
            room = self.groups - len(chosen)
            chosen += list(near[: min(self.hard_negatives, room)])
            # The rest by need, shuffled by Gumbel noise: a draw without replacement.
            score = np.log(np.maximum(left, 1e-9)) + rng.gumbel(size=len(left))
            score[chosen] = -np.inf
            chosen += list(np.argsort(-score, kind="stable")[: self.groups - len(chosen)])
            left[chosen] = np.maximum(left[chosen] - 1, 0)
            steps[step] = chosen
        return steps

    def _opposites(
        self, concepts: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
    ) -> np.ndarray:
        """(S, M, N) pictures of hard-negative concepts; of any other one where none is named."""
        out = np.empty(shape, dtype=np.int64)
        for concept in np.unique(concepts):
            near = self.neighbours[concept]
            if not len(near):
                near = np.delete(np.arange(len(self.pools)), concept)
            pool = self.captions.owner[np.concatenate([self.pools[i] for i in near])]
            lacks = ~self.dataset.carries(pool, self.labels[[concept]])[:, 0]
            pool = pool[lacks] if lacks.any() else pool
            places = np.nonzero(concepts == concept)
            out[places] = rng.choice(pool, size=(len(places[0]), self.members))
        return out


def _cut(pool: np.ndarray, count: int, members: int, rng: np.random.Generator) -> np.ndarray:
    """(count, N) groups of one concept: each photograph once before any comes again."""
    groups = np.empty((count, members), dtype=np.int64)
    waiting = rng.permutation(pool)
    for group in groups:
        take = waiting[:members]
        waiting = waiting[members:]
        while len(take) < members:
            # Whole shuffles, less what the group holds already: distinct as far as they reach.
            again = rng.permutation(pool)
            missing = members - len(take)
            fresh = again[~np.isin(again, take)] if len(pool) >= members else again
            take = np.concatenate([take, fresh[:missing]])
            if not len(waiting) and len(pool) > members:
                waiting = rng.permutation(pool[~np.isin(pool, take)])
        group[:] = take
    return groups
