"""CLEAR GLASS in one objective: outer and inner loss, weighted (arXiv 2509.12771).

Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.functional import (
    CENTROIDS,
    INNER_VARIANTS,
    inner_of_units,
    outer_of_units,
)
from glasskit.losses.overlap import check_shared
from glasskit.losses.vectors import (
    accumulator,
    check_choice,
    check_pair,
    check_share,
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

    Raises:
        ValueError: alpha outside [0, 1], unknown options, a temperature that is not positive.

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
    ) -> None:
        super().__init__()
        check_share("alpha", alpha)
        check_temperature(temperature)
        check_temperature(inner_temperature, "inner_temperature")
        check_choice("variant", variant, INNER_VARIANTS)
        check_choice("centroid", centroid, CENTROIDS)
        self.alpha = alpha
        self.temperature = temperature
        self.inner_temperature = inner_temperature
        self.variant = variant
        self.centroid = centroid

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        temperature: float | Tensor | None = None,
        shared: Tensor | None = None,
    ) -> GroupedLoss:
        """(M, N, L) image and text vectors of any norm -> total, outer, inner.

        A ``temperature`` given here takes the place of the outer loss's own; ``shared`` as in
        `outer_loss` and `inner_loss`.
        """
        outer_tau = self.temperature if temperature is None else temperature
        outer_variant = "centroid" if self.variant == "centroid" else "pairwise"
        check_pair(image, text)
        check_shared(shared, image.shape[0] * image.shape[1])
        with torch.autocast(image.device.type, enabled=False):
            u, v = unit(accumulator(image)), unit(accumulator(text))
            outer = outer_of_units(u, v, outer_tau, outer_variant, shared)
            inner = inner_of_units(
                u, v, self.inner_temperature, self.variant, self.centroid, shared
            )
        return GroupedLoss(self.alpha * outer + (1 - self.alpha) * inner, outer, inner)

    def extra_repr(self) -> str:
        """The settings that are not parameters."""
        return f"alpha={self.alpha}, variant={self.variant!r}, centroid={self.centroid!r}"


class ClearGlass(Objective):
    """GroupedContrastiveLoss as an objective of the registry, beside those it is compared with.

    A learned `logit_scale` of the batch takes the place of `temperature` in the outer loss; the
    inner loss keeps `inner_temperature`.

    Args: as GroupedContrastiveLoss.
    Shapes: image, text (M, N, L); value (), parts "outer", "inner".
    Asks of the batch: nothing more, but with M = 1 the outer loss is 0 and teaches nothing.
    """

    def __init__(
        self,
        alpha: float = 0.7,
        temperature: float = 0.1,
        inner_temperature: float = 0.1,
        variant: str = "pairwise",
        centroid: str = "inclusive",
    ) -> None:
        super().__init__(temperature)
        self.loss = GroupedContrastiveLoss(alpha, temperature, inner_temperature, variant, centroid)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its two terms."""
        learned = None if batch.logit_scale is None else 1 / self.scale(batch)
        total, outer, inner = self.loss(batch.image, batch.text, learned, batch.shared)
        return ObjectiveOutput.of(total, outer=outer, inner=inner)
