"""Do general texts hold specific ones, and these the pictures? Lengths, cones and ways to the root.

What a model encodes has length 1, so that it has lost what the head's output had: a length. Here it
is kept. Levels go from the general to the specific: name of the idea, theme sentence, literal
caption, picture; rows of all levels belong to the same records.

n records, L width of the space, t texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from glasskit.analysis.geometry import Alignment, alignment_uniformity
from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError
from glasskit.losses.entailment import (
    Polar,
    euclidean_cone,
    euclidean_distance,
    lorentz_cone,
    lorentz_distance,
)
from glasskit.models.features import image_features, text_features
from glasskit.models.glass_model import GlassModel, Progress
from glasskit.models.prompts import TEMPLATES, prompts

Levels = Mapping[str, np.ndarray]
"""(n, L) vectors of each level with their own lengths, the most general level first."""

ROOT = -1
"""Stands for the root among the texts of a way."""


@torch.inference_mode()
def level_vectors(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> dict[str, np.ndarray]:
    """The levels "idea", "theme", "caption" and "picture" as the heads give them.

    A record's idea is its strongest label, as the mean over prompts; its theme is the first one.

    Raises:
        InputError: a record has no label or no theme; a picture is missing or broken.
    """
    for record in dataset.records:
        if not record.labels or not record.themes:
            raise InputError(
                f"picture {record.key!r} of {dataset.name!r} has no label or no theme caption, so "
                "that its levels cannot be compared; choose data that has them"
            )

    def texts(sentences: list[str]) -> Tensor:
        return model.text_head(text_features(model, sentences).to(model.device)).cpu()

    ideas = texts(prompts(dataset.labels(1))).unflatten(0, (-1, len(TEMPLATES))).mean(1)
    pictures = image_features(model, dataset, progress).to(model.device)
    return {
        "idea": ideas[dataset.targets(1)].numpy(),
        "theme": texts([record.themes[0] for record in dataset.records]).numpy(),
        "caption": texts([record.captions[0] for record in dataset.records]).numpy(),
        "picture": model.image_head(pictures).cpu().numpy(),
    }


@dataclass(frozen=True, eq=False)
class Space:
    """Where distances and cones are measured.

    Args:
        root: (L,) what lies nearest to everything: the origin for a model that was trained with
            an entailment objective, else the mean vector (`mean_root`).
        unit: what counts as length 1: the mean length of the levels, as in training.
        curvature: c of hyperbolic space with curvature -c; 0 for flat space.
    """

    root: np.ndarray
    unit: float
    curvature: float = 0.0

    @classmethod
    def of(cls, levels: Levels, root: np.ndarray | None = None, curvature: float = 0.0) -> Space:
        """The space of these levels; without a root it is the origin."""
        vectors = np.stack([levels[name] for name in ("theme", "caption", "picture")])
        root = np.zeros(vectors.shape[-1]) if root is None else root
        return cls(root, float(np.linalg.norm(vectors - root, axis=-1).mean()), curvature)

    def lengths(self, vectors: np.ndarray) -> np.ndarray:
        """(...) distance from the root of (..., L) vectors."""
        return np.linalg.norm(vectors - self.root, axis=-1) / self.unit

    def outside(self, parents: np.ndarray, children: np.ndarray) -> np.ndarray:
        """(n,) radians by which each child lies outside its parent's cone; 0 or less: inside.

        Args:
            parents, children: (n, L), or one of them (1, L).
        """
        x, y = self._polar(parents), self._polar(children)
        cone = lorentz_cone(x, y, self.curvature) if self.curvature else euclidean_cone(x, y)
        return cone.numpy()

    def distances(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(A, C) distances between (A, L) and (C, L) vectors."""
        x, y = self._polar(left), self._polar(right)
        if self.curvature:
            return lorentz_distance(x, y, self.curvature).numpy()
        return euclidean_distance(x, y).numpy()

    def _polar(self, vectors: np.ndarray) -> Polar:
        return Polar.of(torch.from_numpy((np.atleast_2d(vectors) - self.root) / self.unit))


def mean_root(levels: Levels) -> np.ndarray:
    """(L,) mean over the levels of their mean vectors: the root of a model that learned no lengths.

    Source: the traversals of MERU (arXiv 2304.09172), for CLIP.
    """
    return np.mean([vectors.mean(axis=0) for vectors in levels.values()], axis=0)


class Level(NamedTuple):
    """One level of a data set.

    Attributes:
        name: of the level.
        length: (n,) distance of each vector from the root, in units of the mean length.
        shorter: (n,) bool, whether it is shorter than the next, more specific level's vector of
            the same record; None for the last level.
        to_picture: alignment with the pictures, uniformity of this level, and the gap between the
            two; of the pictures themselves alignment and gap are 0.
    """

    name: str
    length: np.ndarray
    shorter: np.ndarray | None
    to_picture: Alignment


def level_geometry(levels: Levels, space: Space) -> list[Level]:
    """Measure every level: is what is more general nearer to the root?"""
    length = {name: space.lengths(vectors) for name, vectors in levels.items()}
    names, found = list(levels), []
    for name, following in zip(names, [*names[1:], None], strict=True):
        shorter = None if following is None else length[name] < length[following]
        aligned = alignment_uniformity(levels[name], levels["picture"])
        found.append(Level(name, length[name], shorter, aligned))
    return found


class EntailmentScore(NamedTuple):
    """How well parents hold their own children.

    Attributes:
        outside: (n,) radians by which each own child lies outside its parent's cone.
        held: (n,) bool, whether it lies inside.
        others: (n,) share of the other children that lie inside: 1 where a cone holds everything.
        rank: (n,) share of the other children that lie farther outside than the own one; .5 is
            chance, 1 is best. Where cones hold nothing it says whether they point the right way.
    """

    outside: np.ndarray
    held: np.ndarray
    others: np.ndarray
    rank: np.ndarray


def entailment_score(parents: np.ndarray, children: np.ndarray, space: Space) -> EntailmentScore:
    """Score (n, L) parents against their own children, and against those of all others.

    Raises:
        InputError: fewer than 2 pairs.
    """
    if len(parents) < 2:
        raise InputError("an entailment score needs 2 or more pairs to compare")
    everyone = np.stack([space.outside(parent, children) for parent in parents])  # (n, n)
    own = everyone.diagonal().copy()
    other = ~np.eye(len(own), dtype=bool)
    return EntailmentScore(
        outside=own,
        held=own <= 0,
        others=((everyone <= 0) & other).sum(axis=1) / (len(own) - 1),
        rank=((everyone > own[:, None]) & other).sum(axis=1) / (len(own) - 1),
    )


class Stop(NamedTuple):
    """A text that names a part of the way from a picture to the root.

    Attributes:
        text: its row among the texts, or ROOT.
        begins: share of the way, 0 at the picture and 1 at the root, from which it is the nearest.
    """

    text: int
    begins: float


def traverse(
    picture: np.ndarray, texts: np.ndarray, space: Space, *, steps: int = 50, slack: float = 0.0
) -> list[Stop]:
    """The way from a picture to the root, named by the nearest texts that entail each point of it.

    The way is the shortest one, along which a vector keeps its direction and loses its length. At
    each of `steps` points it has the name of the nearest text whose cone holds the point, or of the
    root, which entails everything, where that is nearer.

    Args:
        picture: (L,).
        texts: (t, L).
        space: of both.
        steps: points on the way.
        slack: radians outside a cone that are forgiven. With pi every text counts, as it must for a
            model that learned no cones: it is then the nearest text that names a point.
    """
    from_root = picture - space.root
    stops: list[Stop] = []
    for share in np.linspace(0, 1, steps).tolist():  # floats that leave float32 as it is
        point = space.root + (1 - share) * from_root
        far = space.distances(point, texts)[0]
        far[space.outside(texts, point) > slack] = np.inf
        best = int(far.argmin())
        name = best if far[best] < space.lengths(point) else ROOT
        if not stops or stops[-1].text != name:
            stops.append(Stop(name, share))
    return stops
