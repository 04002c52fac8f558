"""Poly-View: each view picks each other view of its sample against the views of other samples.

Letters: S samples (groups, by default) with V views of width L, see views.py; z unit vectors;
s = 1 / tau.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from glasskit.losses.base import MASKED
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.views import MultiViewObjective, cross_view


def match_log_probability(views: Tensor, scale: Tensor | float) -> Tensor:
    """log [ e^{s z_a . z_b} / ( e^{s z_a . z_b} + sum_{other samples} e^{s z_a . z} ) ].

    Other views of the same sample are in neither place. With one sample every entry is 0.

    Shapes: views (S, V, L) unit vectors; value (S, V, V), its diagonal without meaning.
    """
    samples, count, _ = views.shape
    z = views.flatten(0, 1)  # (S V, L)
    sample = torch.arange(samples, device=z.device).repeat_interleave(count)
    logits = (scale * (z @ z.T)).masked_fill(sample[:, None] == sample[None, :], MASKED)
    others = logits.logsumexp(1).view(samples, count, 1)
    return F.logsigmoid(cross_view(views, scale) - others)


def polyview_geometric_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """-(mean over samples, views a and b != a) of match_log_probability.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    samples, count, _ = views.shape
    itself = torch.eye(count, dtype=torch.bool, device=views.device)
    chosen = match_log_probability(views, scale).masked_fill(itself, 0)
    return -chosen.sum() / (samples * count * (count - 1))


def polyview_arithmetic_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """-(mean over samples and views a) of log [ mean over b != a of the match probability ].

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    count = views.shape[1]
    itself = torch.eye(count, dtype=torch.bool, device=views.device)
    chosen = match_log_probability(views, scale).masked_fill(itself, MASKED)
    return math.log(count - 1) - chosen.logsumexp(-1).mean()


class PolyViewGeometric(MultiViewObjective):
    """Poly-View with the mean of the logs: every other view of the group must be matched.

    Formula: see polyview_geometric_loss. Shapes: image, text (M, N, L); value ().
    Source: Shidani et al. 2024, arXiv 2403.05490.
    Asks of the batch: nothing more.

    Raises:
        ValueError: an option out of range, see MultiViewObjective.
    """

    def __init__(self, temperature: float = 0.1, views: str = "group") -> None:
        super().__init__("polyview-geometric", temperature, views)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "polyview" too."""
        value = polyview_geometric_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput(value, {"polyview": value.detach()})


class PolyViewArithmetic(MultiViewObjective):
    """Poly-View with the log of the mean: one well matched view carries the others.

    Formula: see polyview_arithmetic_loss; by Jensen at most the geometric one.
    Shapes: image, text (M, N, L); value ().
    Source: Shidani et al. 2024, arXiv 2403.05490.
    Asks of the batch: nothing more.

    Raises:
        ValueError: an option out of range, see MultiViewObjective.
    """

    def __init__(self, temperature: float = 0.1, views: str = "group") -> None:
        super().__init__("polyview-arithmetic", temperature, views)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "polyview" too."""
        value = polyview_arithmetic_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput(value, {"polyview": value.detach()})
