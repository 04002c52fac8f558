"""Poly-View, MV-InfoNCE and MV-DHEL: objectives on samples that have several views.

The fair comparison with a grouped loss is on the same information, so the default takes a group
as the sample and its 2 N vectors, images and captions, as the views: what the group has in common
is then what the views share. With a pair as the sample the objective does not know of groups; that
reading is there for those who want the published instance setting.

The published MV-InfoNCE multiplies sums of exponentials before the logarithm and overflows in
float32 at ten views and temperature 0.07; here everything stays in the log domain.

Letters: M groups, N members a group, L width; S samples with V views; z_il the unit vector of
view l of sample i; s = 1 / tau.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.vectors import MASKED, accumulator, check_choice, unit

VIEWS = ("group", "pair")


def group_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M groups and V = 2 N: the images, then the captions."""
    return unit(accumulator(torch.cat([batch.image, batch.text], dim=1)))


def pair_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M N pairs and V = 2, or 3 where there are paraphrases."""
    views = [batch.image, batch.text]
    if batch.paraphrase is not None:
        views.append(batch.paraphrase)
    return unit(accumulator(torch.stack(views, dim=2).flatten(0, 1)))


def cross_view(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S, V, V) the logits between views of one sample; the diagonal is a view with itself."""
    return scale * (views @ views.transpose(1, 2))


def _itself(views: Tensor) -> Tensor:
    """(V, V) bool: a view with itself."""
    return torch.eye(views.shape[1], dtype=torch.bool, device=views.device)


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
    chosen = match_log_probability(views, scale).masked_fill(_itself(views), 0)
    return -chosen.sum() / (samples * count * (count - 1))


def polyview_arithmetic_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """-(mean over samples and views a) of log [ mean over b != a of the match probability ].

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    chosen = match_log_probability(views, scale).masked_fill(_itself(views), MASKED)
    return math.log(views.shape[1] - 1) - chosen.logsumexp(-1).mean()


def view_alignment(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S,) log sum_{l != l'} e^{s z_il . z_il'}, over ordered pairs of views.

    Shapes: views (S, V, L) unit vectors, V > 1.
    """
    logits = cross_view(views, scale).masked_fill(_itself(views), MASKED)
    return logits.flatten(1).logsumexp(1)


def mv_infonce_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """mean_i { log sum_{l, (j, l') != (i, l)} e^{s z_il . z_jl'} - view_alignment_i }.

    Follows the published code where it and the text differ on j = i: a vector is never compared
    with itself, and the other views of its own sample do count among all.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    z = views.flatten(0, 1)  # (S V, L)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (scale * (z @ z.T)).masked_fill(itself, MASKED)
    everything = logits.view(len(views), -1).logsumexp(1)  # (S,)
    return (everything - view_alignment(views, scale)).mean()


def view_uniformity(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S,) sum_l log sum_{j != i} e^{s z_il . z_jl}; 0 where there is one sample only.

    Follows the published code where it and the text differ on j = i: it is left out.

    Shapes: views (S, V, L) unit vectors.
    """
    samples = len(views)
    if samples == 1:
        return views.new_zeros(1)
    by_view = views.transpose(0, 1)  # (V, S, L)
    itself = torch.eye(samples, dtype=torch.bool, device=views.device)
    return cross_view(by_view, scale).masked_fill(itself, MASKED).logsumexp(2).sum(0)


def mv_dhel_terms(views: Tensor, scale: Tensor | float) -> tuple[Tensor, Tensor]:
    """mean_i { -log sum_{l < l'} e^{s z_il . z_il'} } and mean_i view_uniformity_i.

    Shapes: views (S, V, L) unit vectors, V > 1; values (), ().
    """
    # Each unordered pair of views is in view_alignment twice.
    alignment = math.log(2) - view_alignment(views, scale).mean()
    return alignment, view_uniformity(views, scale).mean()


class MultiViewObjective(Objective):
    """An objective over samples with views.

    Args:
        temperature: as in Objective.
        views: "group" (a group is a sample, its 2 N vectors are the views) or "pair" (a pair is
            a sample; image, caption and, where the batch has it, paraphrase are the views).

    Raises:
        ValueError: an unknown choice of views; temperature not positive and finite.
    """

    def __init__(self, temperature: float = 0.1, views: str = "group") -> None:
        super().__init__(temperature)
        check_choice("views", views, VIEWS)
        self.views = views
        self.negatives_are_groups = views == "group"

    def samples(self, batch: GroupedBatch) -> Tensor:
        """(S, V, L) unit vectors."""
        return group_views(batch) if self.views == "group" else pair_views(batch)


class PolyViewGeometric(MultiViewObjective):
    """Poly-View with the mean of the logs: every other view of the group must be matched.

    Formula: see polyview_geometric_loss. Shapes: image, text (M, N, L); value ().
    Source: Shidani et al. 2024, arXiv 2403.05490.
    Asks of the batch: nothing more.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "polyview" too."""
        value = polyview_geometric_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput.of(value, polyview=value)


class PolyViewArithmetic(MultiViewObjective):
    """Poly-View with the log of the mean: one well matched view carries the others.

    Formula: see polyview_arithmetic_loss; by Jensen at most the geometric one.
    Shapes: image, text (M, N, L); value ().
    Source: Shidani et al. 2024, arXiv 2403.05490.
    Asks of the batch: nothing more.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "polyview" too."""
        value = polyview_arithmetic_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput.of(value, polyview=value)


class MvInfoNce(MultiViewObjective):
    """MV-InfoNCE: InfoNCE with all views in one term a sample, see mv_infonce_loss.

    Shapes: image, text (M, N, L); value ().
    Source: Koromilas et al. 2025, arXiv 2507.06979.
    Asks of the batch: nothing more.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "mv-infonce" too."""
        value = mv_infonce_loss(self.samples(batch), self.scale(batch))
        return ObjectiveOutput.of(value, **{"mv-infonce": value})


class MvDhel(MultiViewObjective):
    """MV-DHEL: views of a sample together, each view spread over the samples on its own.

    View l of one sample meets only view l of the others. With groups as samples that is image i
    with image i and caption i with caption i of other groups, a matching that the draw of the
    batch makes: the same reordering of members in all groups leaves the value as it is, one
    within a single group does not. The value grows with V and may be negative: compare it with
    itself only.

    Shapes: image, text (M, N, L); value (), parts "alignment" (lower is closer) and "uniformity".
    Formula: the sum of mv_dhel_terms. Source: Koromilas et al. 2025, arXiv 2507.06979.
    Asks of the batch: nothing more. With one sample there is nothing to spread from, and the
    uniformity is 0.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its two terms."""
        alignment, uniformity = mv_dhel_terms(self.samples(batch), self.scale(batch))
        return ObjectiveOutput.of(
            alignment + uniformity, alignment=alignment, uniformity=uniformity
        )
