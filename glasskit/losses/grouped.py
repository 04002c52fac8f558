"""CLEAR GLASS in one objective: outer and inner loss, weighted (arXiv 2509.12771).

Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from glasskit.losses.inner import CENTROIDS, INNER_VARIANTS, inner_of_units
from glasskit.losses.outer import check_tile, outer_of_units
from glasskit.losses.vectors import (
    accumulator,
    check_choice,
    check_pair,
    check_temperature,
    unit,
)


class GroupedLoss(NamedTuple):
    """Value and terms of the grouped loss, each () and with gradient.

    Attributes:
        total: alpha outer + (1 - alpha) inner.
        outer: the outer loss, unweighted.
        inner: the inner loss, unweighted.
    """

    total: Tensor
    outer: Tensor
    inner: Tensor


class GroupedContrastiveLoss(nn.Module):
    """alpha L_outer + (1 - alpha) L_inner over M groups of N pairs.

    The defaults are the paper's: alpha 0.7, temperature 0.1, pairwise, inclusive centroids.

    Args:
        alpha: weight of the outer loss, in [0, 1]. (The public code's 1.2233 makes the inner
            weight negative, which drives members away from their centroid.)
        temperature: of the outer loss; a tensor or nn.Parameter of one element may be learned.
        inner_temperature: of the inner loss, likewise.
        variant: "pairwise", "centroid", or "cosine" (pairwise outer, unscaled inner).
        centroid: "inclusive" or "leave_one_out", see `inner_loss`.
        tile: pairs held at once in the pairwise outer loss, see `outer_loss`.

    Raises:
        ValueError: alpha outside [0, 1], unknown options, a temperature or tile not positive.

    Example:
        >>> import torch
        >>> from glasskit.losses import GroupedContrastiveLoss
        >>> vectors = torch.eye(4).reshape(2, 2, 4)
        >>> loss = GroupedContrastiveLoss(variant="centroid")(vectors, vectors)
        >>> round(loss.total.item(), 6), round(loss.outer.item(), 6)
        (0.000286, 4.5e-05)
    """

    def __init__(
        self,
        alpha: float = 0.7,
        temperature: float | Tensor = 0.1,
        inner_temperature: float | Tensor = 0.1,
        variant: str = "pairwise",
        centroid: str = "inclusive",
        tile: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1], got {alpha}")
        check_temperature(temperature)
        check_temperature(inner_temperature, "inner_temperature")
        check_choice("variant", variant, INNER_VARIANTS)
        check_choice("centroid", centroid, CENTROIDS)
        check_tile(tile)
        self.alpha = alpha
        self.temperature = temperature
        self.inner_temperature = inner_temperature
        self.variant = variant
        self.centroid = centroid
        self.tile = tile

    def forward(self, image: Tensor, text: Tensor) -> GroupedLoss:
        """(M, N, L) image and text vectors of any norm -> total, outer, inner."""
        check_pair(image, text)
        outer_variant = "centroid" if self.variant == "centroid" else "pairwise"
        with torch.autocast(image.device.type, enabled=False):
            u, v = unit(accumulator(image)), unit(accumulator(text))
            outer = outer_of_units(u, v, self.temperature, outer_variant, self.tile)
            inner = inner_of_units(u, v, self.inner_temperature, self.variant, self.centroid)
        return GroupedLoss(self.alpha * outer + (1 - self.alpha) * inner, outer, inner)

    def extra_repr(self) -> str:
        """The settings that are not parameters."""
        return f"alpha={self.alpha}, variant={self.variant!r}, centroid={self.centroid!r}"
