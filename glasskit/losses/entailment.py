"""Entailment: a general sentence holds the literal caption, which holds the picture, as cones do.

A vector's length says how specific it is: near the root (the origin) is what holds of much. Each
vector opens a cone away from the root, the narrower the farther out it lies, and what it entails
should lie in it. `entailment` does so in hyperbolic space (the Lorentz model), where there is room
for a tree; `entailment-euclidean` is its control, the same in flat space.

Both are written in polar form, which needs no difference of large numbers: r the length of a
vector, e its direction, e_x . e_y = cos t. In hyperbolic space of curvature -c the vector is lifted
by the exponential map at the root; p = sqrt(c) r is then its distance from the root times sqrt(c).

Letters: M groups, N members a group, L width, B = M N pairs; u, t, g the vectors of a picture, its
literal caption and its general sentence; s = 1 / tau.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.overlap import without
from glasskit.losses.vectors import (
    ZERO_NORM,
    accumulator,
    check_weight,
    symmetric_cross_entropy,
    unit,
)

K = 0.1
"""Sets the width of a cone: half of it is asin(2 K / r) in flat space (MERU)."""

FARTHEST = 11.0
"""Largest p: sinh of it is 30,000, and products of two still fit float32."""

COINCIDE = 1e-6
"""Vectors whose squared distance is below are the same: no gradient of a root or an angle there."""


class Polar(NamedTuple):
    """Vectors by length and direction: (..., 1) and (..., L)."""

    length: Tensor
    direction: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Polar:
        """The polar form of (..., L) vectors."""
        return cls(torch.linalg.vector_norm(x, dim=-1, keepdim=True), unit(x))


def lorentz_distance(x: Polar, y: Polar, curvature: Tensor | float) -> Tensor:
    """(A, C) distances d of (A, L) and (C, L) vectors in hyperbolic space.

        cosh(sqrt(c) d) - 1 = (cosh(p_x - p_y) - 1) + sinh p_x sinh p_y (1 - cos t)

    which is -c <x, y>_L - 1 of the lifted vectors, as a sum of two numbers that are never negative.
    """
    root = _root(curvature, x.length)
    p, q = _stretched(x, root), _stretched(y, root)
    half = ((p - q.T) / 2).sinh()
    above = 2 * half.square() + p.sinh() * q.sinh().T * _turns(x, y)
    above = above.clamp_min(COINCIDE)
    return torch.log1p(above + (above * (above + 2)).sqrt()) / root


def euclidean_distance(x: Polar, y: Polar) -> Tensor:
    """(A, C) distances of (A, L) and (C, L) vectors: what lorentz_distance is for small lengths."""
    squared = (x.length - y.length.T).square() + 2 * x.length * y.length.T * _turns(x, y)
    return squared.clamp_min(COINCIDE).sqrt()


def lorentz_cone(x: Polar, y: Polar, curvature: Tensor | float) -> Tensor:
    """(B,) how far y_b lies outside the cone of x_b, in radians: exterior angle - half-aperture.

    The exterior angle at x is between the way from the root and the way to y,

        atan2( sinh q sin t,  sinh(q - p) - cosh p sinh q (1 - cos t) ),   p of x, q of y,

    and half the aperture is asin(2 K / sinh p). At or below 0: x entails y. A vector entails
    itself.
    """
    root = _root(curvature, x.length)
    p, q = _stretched(x, root), _stretched(y, root)
    turn, sin = _angle(x.direction, y.direction)
    away = (q - p).sinh() - p.cosh() * q.sinh() * turn
    return (_exterior(q.sinh() * sin, away) - _aperture(p.sinh())).squeeze(-1)


def euclidean_cone(x: Polar, y: Polar) -> Tensor:
    """(B,) how far y_b lies outside the cone of x_b in flat space, in radians.

    The exterior angle is atan2( |y| sin t, |y| cos t - |x| ), half the aperture asin(2 K / |x|).
    """
    turn, sin = _angle(x.direction, y.direction)
    outside = _exterior(y.length * sin, y.length - x.length - y.length * turn)
    return (outside - _aperture(x.length)).squeeze(-1)


def _root(curvature: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(curvature, dtype=like.dtype, device=like.device).sqrt()


def _stretched(x: Polar, root: Tensor) -> Tensor:
    """p: (..., 1)"""
    return (root * x.length).clamp_max(FARTHEST)


def _turns(x: Polar, y: Polar) -> Tensor:
    """(A, C) 1 - cos t of each two, exact where t is small: 1 - a matrix product is not."""
    apart = torch.cdist(x.direction, y.direction, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.square() / 2


def _angle(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 1) 1 - cos t and sin t of directions row by row, both exact where t is small."""
    apart = torch.linalg.vector_norm(x - y, dim=-1, keepdim=True)
    return apart.square() / 2, apart * torch.linalg.vector_norm(x + y, dim=-1, keepdim=True) / 2


def _exterior(across: Tensor, away: Tensor) -> Tensor:
    """atan2, and 0 without a gradient where there is no way from x to y."""
    same = across.square() + away.square() < COINCIDE
    return torch.atan2(across.masked_fill(same, 0), away.masked_fill(same, 1))


def _aperture(length: Tensor) -> Tensor:
    """Half the aperture; a right angle for all that lies near the root."""
    return (2 * K / length.clamp_min(ZERO_NORM)).clamp_max(1 - COINCIDE).asin()


class _Entailment(Objective):
    """What the two geometries share: the contrast of distances, and the chain of cones.

        L = 1/2 [ CE(-s d(u, t)) + CE(-s d(u, g)) ] + w / 2 [ cone(g, t) + cone(t, u) ]

    with CE the mean of both directions, as in CLIP, and cone(x, y) the mean of max(0, exterior
    angle - half-aperture). In CE(-s d(u, g)) the other sentences of a group are no negatives: what
    is said in general of one member may hold of the others.

    Lengths are divided by the mean length of the batch's vectors, in the place of the scales that
    MERU learns: only their proportions say something, and a cone cannot be widened without end by
    drawing all vectors to the root.

    Args:
        temperature: as in Objective.
        entailment_weight: w, 0.2 as in MERU.

    Shapes: image, text, general (M, N, L); value (), parts "contrast", "cone" and "inside", the
    share of cone pairs that hold.
    Asks of the batch: general. Its vectors must have their own lengths.

    Raises:
        ValueError: an option out of range.
    """

    needs = ("general",)
    lengths = True

    def __init__(self, temperature: float = 0.1, entailment_weight: float = 0.2) -> None:
        super().__init__(temperature)
        check_weight("entailment_weight", entailment_weight)
        self.entailment_weight = entailment_weight

    def distance(self, x: Polar, y: Polar) -> Tensor:
        """(B, B)"""
        raise NotImplementedError

    def outside(self, x: Polar, y: Polar) -> Tensor:
        """(B,) radians"""
        raise NotImplementedError

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its terms."""
        fields = torch.stack([batch.image, batch.text, self.field(batch, "general")])
        vectors = accumulator(fields.flatten(1, 2))  # (3, B, L)
        mean = torch.linalg.vector_norm(vectors, dim=-1).mean().clamp_min(ZERO_NORM)
        image, text, general = (Polar.of(part / mean) for part in vectors)
        scale, shared = self.scale(batch), batch.shared
        group = torch.arange(len(image.length), device=vectors.device) // batch.members
        own = torch.eye(len(group), dtype=torch.bool, device=vectors.device)
        beside = (group[:, None] == group) & ~own
        if shared is not None:
            beside = beside | shared
        to_text = without(-scale * self.distance(image, text), shared)
        to_general = without(-scale * self.distance(image, general), beside)
        contrast = (symmetric_cross_entropy(to_text) + symmetric_cross_entropy(to_general)) / 2
        outside = torch.stack([self.outside(general, text), self.outside(text, image)])
        cone = outside.clamp_min(0).mean()
        inside = (outside <= 0).to(cone.dtype).mean()
        total = contrast + self.entailment_weight * cone
        return ObjectiveOutput.of(total, contrast=contrast, cone=cone, inside=inside)


class Entailment(_Entailment):
    """Entailment in hyperbolic space, whose curvature -c is learned: c = 10^tanh(k), .1 to 10.

    k is a parameter, 0 at the start, so that c is 1.

    Source: MERU, Desai et al. 2023, arXiv 2304.09172; the chain of cones after HyCoCLIP, Pal et al.
    2024, arXiv 2410.06912.
    """

    def __init__(self, temperature: float = 0.1, entailment_weight: float = 0.2) -> None:
        super().__init__(temperature, entailment_weight)
        self.bend = nn.Parameter(torch.tensor(0.0))

    @property
    def curvature(self) -> Tensor:
        """() c, between .1 and 10."""
        return 10 ** accumulator(self.bend).tanh()

    def learned(self) -> dict[str, float]:
        """The curvature."""
        return {"curvature": self.curvature.item()}

    def distance(self, x: Polar, y: Polar) -> Tensor:
        """(B, B), see lorentz_distance."""
        return lorentz_distance(x, y, self.curvature)

    def outside(self, x: Polar, y: Polar) -> Tensor:
        """(B,), see lorentz_cone."""
        return lorentz_cone(x, y, self.curvature)


class EuclideanEntailment(_Entailment):
    """Entailment in flat space: the control that tells what hyperbolic space itself adds.

    Source: EuCLIP, Chou et al. 2024, arXiv 2409.13079.
    """

    def distance(self, x: Polar, y: Polar) -> Tensor:
        """(B, B), see euclidean_distance."""
        return euclidean_distance(x, y)

    def outside(self, x: Polar, y: Polar) -> Tensor:
        """(B,), see euclidean_cone."""
        return euclidean_cone(x, y)
