"""How vectors lie in the space: groups and their middles, and two clouds side by side.

n pictures, L width of the space, M groups of N members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from glasskit.errors import InputError
from glasskit.losses import inner_loss, outer_loss
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import cohesion, nearest, unit

MAX_GROUP = 64
"""Largest group that is measured, for its similarity matrix is sent and drawn."""

Groups = Mapping[str, np.ndarray]
"""Indices of the pictures of each concept."""


def pairwise(vectors: np.ndarray) -> np.ndarray:
    """(n, n) cosine similarity of every two."""
    vectors = unit(vectors)
    return vectors @ vectors.T


def centroid(vectors: np.ndarray) -> np.ndarray:
    """(L,) unit vector to the middle of the group."""
    return unit(unit(vectors).mean(axis=0))


def centroids(pictures: np.ndarray, groups: Groups) -> np.ndarray:
    """(g, L) unit vectors to the middles of the groups, in their order."""
    return np.stack([centroid(pictures[rows]) for rows in groups.values()])


def leave_one_out_centroids(vectors: np.ndarray) -> np.ndarray:
    """(n, L) unit vectors: for each member the middle of the others (itself in a group of 1)."""
    vectors = unit(vectors)
    return vectors if len(vectors) < 2 else unit(vectors.sum(axis=0) - vectors)


class NearGroup(NamedTuple):
    """A group and the cosine similarity of its middle to what was asked."""

    name: str
    score: float


def nearest_groups(
    vector: np.ndarray, pictures: np.ndarray, groups: Groups, k: int = 3
) -> list[NearGroup]:
    """The k groups whose middles are nearest to a (L,) vector, best first.

    Args:
        vector: of a picture or of another group's middle.
        pictures: (n, L) of the data set.
        groups: give those of the training split only where a picture's answer is explained.
        k: how many.
    """
    names = list(groups)
    found = nearest(vector, centroids(pictures, groups), k)
    pairs = zip(found.index[0], found.score[0], strict=True)
    return [NearGroup(names[i], float(score)) for i, score in pairs]


class GroupGeometry(NamedTuple):
    """One group of pictures, measured in cosine similarity.

    Attributes:
        concept: the concept that the group shares.
        cohesion: mean similarity of two different pictures of the group (1: all the same).
        margin: mean over the group's pictures of (similarity to the own centre without the picture
            itself) - (largest similarity to another centre); above 0 the pictures are on average
            nearer to their own centre than to any other. NaN for a group alone.
    """

    concept: str
    cohesion: float
    margin: float


def group_geometry(pictures: np.ndarray, groups: Groups) -> list[GroupGeometry]:
    """Measure every group of (n, L) pictures."""
    pictures = unit(pictures)
    middles = centroids(pictures, groups)  # (g, L)
    report = []
    for g, (name, rows) in enumerate(groups.items()):
        members, margin = pictures[rows], float("nan")
        if len(middles) > 1:
            own = (members * leave_one_out_centroids(members)).sum(axis=1)
            margin = float((own - (members @ np.delete(middles, g, axis=0).T).max(axis=1)).mean())
        report.append(GroupGeometry(name, cohesion(members), margin))
    return report


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


def apart(groups: Groups, concept: str) -> dict[str, np.ndarray]:
    """The groups, each other one without the pictures that this concept's group has too.

    So no picture of the group is held against itself. A group of which nothing is left is gone.
    """
    own = groups[concept]
    left = {name: rows[~np.isin(rows, own)] for name, rows in groups.items()}
    return {name: rows for name, rows in (left | {concept: own}).items() if len(rows)}


def rivals(seen: Embedding, groups: Groups, concept: str, k: int = 4) -> list[str]:
    """The groups whose centres lie nearest to the centre of this one: its hard negatives."""
    others = {name: groups[name] for name in groups if name != concept}
    own = centroid(seen.picture[groups[concept]])
    return [group.name for group in nearest_groups(own, seen.picture, others, k)]


def group_report(
    seen: Embedding,
    groups: Groups,
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
        InputError: fewer than 2 members or more than ``MAX_GROUP``, an index that is not there or
            twice.
    """
    rows = np.asarray(members, dtype=np.int64)
    if not 2 <= len(rows) <= MAX_GROUP:
        raise InputError(f"a group of {len(rows)}: choose 2 to {MAX_GROUP} pictures")
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


class Alignment(NamedTuple):
    """How pictures and captions share a space.

    Attributes:
        alignment: mean squared distance of a picture to its caption (0 to 4; small is near).
        uniformity: log mean e^(-2 d^2) over pairs of different pictures (0 to -8, on the sphere;
            the lower, the more evenly they fill it). Wang and Isola 2020, arXiv 2005.10242.
        gap: length between the means of pictures and captions (0 to 2). Liang et al. 2022,
            arXiv 2203.02053.
    """

    alignment: float
    uniformity: float
    gap: float


def alignment_uniformity(pictures: np.ndarray, captions: np.ndarray) -> Alignment:
    """Alignment, uniformity and gap of (n, L) pictures and their (n, L) captions."""
    u, v = unit(pictures), unit(captions)
    squared = 2 - 2 * (u @ u.T)[np.triu_indices(len(u), 1)]
    return Alignment(
        alignment=float(((u - v) ** 2).sum(axis=1).mean()),
        uniformity=float(np.log(np.exp(-2 * squared).mean())),
        gap=float(np.linalg.norm(u.mean(axis=0) - v.mean(axis=0))),
    )


def precision_at_k(vectors: np.ndarray, group: np.ndarray, k: int = 5) -> float:
    """Share of the k nearest neighbours of each picture that are of its own group.

    Args:
        vectors: (n, L).
        group: (n,) label of each.
        k: neighbours asked; the picture itself is none.
    """
    found = nearest(vectors, vectors, k, exclude_self=True).index  # (n, k)
    return float((group[found] == group[:, None]).mean())


def neighbourhood_preservation(places: np.ndarray, vectors: np.ndarray, k: int = 10) -> float:
    """Share of the k nearest in the full space that are also among the k nearest on a flat map.

    Args:
        places: (n, 2) on the map, compared by distance.
        vectors: (n, L), compared by cosine.
        k: neighbours of each.
    """
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1)  # (n, n)
    np.fill_diagonal(apart, np.inf)
    on_map = np.argsort(apart, axis=1, kind="stable")[:, :k]
    in_space = nearest(vectors, vectors, k, exclude_self=True).index
    pairs = zip(on_map, in_space, strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in pairs]))


def direction(pictures: np.ndarray, groups: Groups, concept: str) -> np.ndarray:
    """(L,) unit vector from the mean of all other pictures to the mean of a concept's pictures."""
    inside = np.zeros(len(pictures), dtype=bool)
    inside[groups[concept]] = True
    vectors = unit(pictures)
    return unit(vectors[inside].mean(axis=0) - vectors[~inside].mean(axis=0))


def rank_score(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n,) place of each vector in order of nearness to the query: 0 the farthest, 1 the nearest.

    Places, not similarities: so that the colours of two models, whose similarities spread
    differently, can be laid side by side.
    """
    similarity = vectors @ query
    place = np.argsort(np.argsort(similarity, kind="stable"), kind="stable")
    return place / max(len(vectors) - 1, 1)
