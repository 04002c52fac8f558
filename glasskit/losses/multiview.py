"""MV-InfoNCE and MV-DHEL: one logarithm a sample over all its views at once.

The published code multiplies sums of exponentials before the logarithm and overflows in float32
at ten views and temperature 0.07; here everything stays in the log domain.

Letters: S samples (groups, by default) with V views of width L, see views.py; z_il the unit
vector of view l of sample i; s = 1 / tau.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from glasskit.losses.base import MASKED
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.views import MultiViewObjective, cross_view


def view_alignment(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S,) log sum_{l != l'} e^{s z_il . z_il'}, over ordered pairs of views.

    Shapes: views (S, V, L) unit vectors, V > 1.
    """
    itself = torch.eye(views.shape[1], dtype=torch.bool, device=views.device)
    return cross_view(views, scale).masked_fill(itself, MASKED).flatten(1).logsumexp(1)


def mv_infonce_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """mean_i { log sum_{l, (j, l') != (i, l)} e^{s z_il . z_jl'} - view_alignment_i }.

    Follows the published code where it and the text differ on j = i: a vector is never compared
    with itself, and the other views of its own sample do count among all.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    z = views.flatten(0, 1)  # (S V, L)
    itself = torch.eye(z.shape[0], dtype=torch.bool, device=z.device)
    logits = (scale * (z @ z.T)).masked_fill(itself, MASKED)
    everything = logits.view(views.shape[0], -1).logsumexp(1)  # (S,)
    return (everything - view_alignment(views, scale)).mean()


def view_uniformity(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S,) sum_l log sum_{j != i} e^{s z_il . z_jl}; 0 where there is one sample only.

    Follows the published code where it and the text differ on j = i: it is left out.

    Shapes: views (S, V, L) unit vectors.
    """
    samples = views.shape[0]
    if samples == 1:
        return views.new_zeros(1)
    by_view = views.transpose(0, 1)  # (V, S, L)
    itself = torch.eye(samples, dtype=torch.bool, device=views.device)
    logits = scale * (by_view @ by_view.transpose(1, 2))  # (V, S, S)
    return logits.masked_fill(itself, MASKED).logsumexp(2).sum(0)


def mv_dhel_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """mean_i { view_uniformity_i - log sum_{l < l'} e^{s z_il . z_il'} }.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    # Each unordered pair of views is in view_alignment twice.
    alignment = view_alignment(views, scale) - math.log(2)
    return (view_uniformity(views, scale) - alignment).mean()


class MvInfoNce(MultiViewObjective):
    """MV-InfoNCE: InfoNCE with all views in one term a sample, see mv_infonce_loss.

    Shapes: image, text (M, N, L); value ().
    Source: Koromilas et al. 2025, arXiv 2507.06979.
    Asks of the batch: nothing more.

    Raises:
        ValueError: an option out of range, see MultiViewObjective.
    """

    def __init__(self, temperature: float = 0.1, views: str = "group") -> None:
        super().__init__("mv-infonce", temperature, views)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "mv-infonce" too."""
        value = mv_infonce_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput(value, {"mv-infonce": value.detach()})


class MvDhel(MultiViewObjective):
    """MV-DHEL: views of a sample together, each view spread over the samples on its own.

    View l of one sample meets only view l of the others. With groups as samples that is image i
    with image i and caption i with caption i of other groups, a matching that the draw of the
    batch makes: the same reordering of members in all groups leaves the value as it is, one
    within a single group does not. The value grows with V and may be negative: compare it with
    itself only.

    Shapes: image, text (M, N, L); value (), parts "alignment" (lower is closer) and "uniformity".
    Formula: see mv_dhel_loss. Source: Koromilas et al. 2025, arXiv 2507.06979.
    Asks of the batch: nothing more. With one sample there is nothing to spread from, and the
    uniformity is 0.

    Raises:
        ValueError: an option out of range, see MultiViewObjective.
    """

    def __init__(self, temperature: float = 0.1, views: str = "group") -> None:
        super().__init__("mv-dhel", temperature, views)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its two terms."""
        views, scale = self.samples(batch), self.scale(batch)
        uniformity = view_uniformity(views, scale).mean()
        alignment = math.log(2) - view_alignment(views, scale).mean()
        parts = {"alignment": alignment.detach(), "uniformity": uniformity.detach()}
        return ObjectiveOutput(uniformity + alignment, parts)
