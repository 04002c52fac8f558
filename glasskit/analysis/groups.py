"""One group measured: how its members lie, and their grouped loss among rival groups.

M groups of N members; L width of the space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from glasskit.analysis.geometry import centroid, cohesion, leave_one_out_centroids, pairwise
from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import unit

MOST = 64
"""Largest group that is measured, for its similarity matrix is sent and drawn."""


class GroupReport(NamedTuple):
    """One group by one model.

    Attributes:
        similarity: (n, n) cosine similarity of every two members, in the order given.
        to_centre: n similarities of each member to the centre of the others.
        cohesion: mean similarity of two different members.
        word: similarity of the centre to the vector of the concept's name.
        outer: outer loss of this group among its rivals: do its pictures find captions of their own
            group rather than a rival's, and the other way round?
        inner: inner loss of the same batch: does the product of each picture and its caption lie
            nearer to the middle of its own group than to that of a rival?
    """

    similarity: np.ndarray
    to_centre: list[float]
    cohesion: float
    word: float
    outer: float
    inner: float


def rivals(
    seen: Embedding, groups: Mapping[str, np.ndarray], concept: str, k: int = 4
) -> list[str]:
    """The groups whose centres lie nearest to the centre of this one: its hard negatives."""
    own = centroid(seen.picture[groups[concept]])
    others = [name for name in groups if name != concept]
    middles = np.stack([centroid(seen.picture[groups[name]]) for name in others])
    order = np.argsort(-(middles @ own), kind="stable")[:k]
    return [others[i] for i in order]


def group_report(
    seen: Embedding,
    groups: Mapping[str, np.ndarray],
    concept: str,
    members: Sequence[int],
    against: Sequence[str],
    *,
    word: np.ndarray,
    temperature: float = 0.1,
) -> GroupReport:
    """Measure a group of chosen members.

    Args:
        seen: vectors of the whole data set.
        groups: indices of the pictures of each concept.
        concept: the group's concept.
        members: indices of the pictures of the group, at least 2.
        against: concepts of the rival groups of both losses; each gives as many pictures as the
            group has, its first ones, from the start again where it has fewer.
        word: (L,) vector of the concept's name.
        temperature: of both losses.

    Raises:
        InputError: fewer than 2 members or more than ``MOST``, an index that is not there or twice.
    """
    rows = np.asarray(members, dtype=np.int64)
    if not 2 <= len(rows) <= MOST:
        raise InputError(f"a group of {len(rows)}: choose 2 to {MOST} pictures")
    if len(set(rows.tolist())) < len(rows) or rows.min() < 0 or rows.max() >= len(seen.picture):
        raise InputError("a group's pictures must be different and of this data set")
    batch = [rows, *(np.resize(groups[name], len(rows)) for name in against)]
    image = torch.from_numpy(np.stack([seen.picture[part] for part in batch]))  # (M, N, L)
    text = torch.from_numpy(np.stack([seen.caption[part] for part in batch]))
    pictures = unit(seen.picture[rows])
    return GroupReport(
        similarity=pairwise(pictures),
        to_centre=[float(x) for x in (pictures * leave_one_out_centroids(pictures)).sum(axis=1)],
        cohesion=cohesion(pictures),
        word=float(centroid(pictures) @ unit(word)),
        outer=float(outer_loss(image, text, temperature)) if against else float("nan"),
        inner=float(inner_loss(image, text, temperature)) if against else float("nan"),
    )
