"""Poly-View, MV-InfoNCE and MV-DHEL: objectives on samples that have several views.

The fair comparison with a grouped loss is on the same information, so the default takes a group
as the sample and its 2 N vectors, images and captions, as the views: what the group has in common
is then what the views share. With a pair as the sample the objective does not know of groups; that
reading is there for those who want the published instance setting.

The published MV-InfoNCE multiplies sums of exponentials before the logarithm and overflows in
float32 at ten views and temperature 0.07; here everything stays in the log domain.

Views of two samples whose pairs share a label are no negatives of each other: every loss here
takes such a mask as `shared`, (S V, S V) bool, False within a sample.

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
from glasskit.losses.overlap import across_groups, without
from glasskit.losses.vectors import accumulator, check_choice, unit

VIEWS = ("group", "pair")
MEANS = ("geometric", "arithmetic")


def group_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M groups and V = 2 N: the images, then the captions."""
    return unit(accumulator(torch.cat([batch.image, batch.text], dim=1)))


def pair_views(batch: GroupedBatch) -> Tensor:
    """(S, V, L) unit vectors with S = M N pairs and V = 2, or 3 where there are paraphrases."""
    views = [batch.image, batch.text]
    if batch.paraphrase is not None:
        views.append(batch.paraphrase)
    return unit(accumulator(torch.stack(views, dim=2).flatten(0, 1)))


def shared_group_views(batch: GroupedBatch) -> Tensor | None:
    """(S V, S V) bool, views of `group_views` that are no negatives of each other; or None."""
    shared = batch.shared
    if shared is None:
        return None
    sides = across_groups(shared, batch.members).view(2 * (batch.groups, batch.members))
    return sides.repeat(1, 2, 1, 2).flatten(2).flatten(0, 1)


def shared_pair_views(batch: GroupedBatch, views: int) -> Tensor | None:
    """(S V, S V) bool, views of `pair_views` that are no negatives of each other; or None."""
    shared = batch.shared
    if shared is None:
        return None
    return shared.repeat_interleave(views, 0).repeat_interleave(views, 1)


def cross_view(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S, V, V) the logits between views of one sample; the diagonal is a view with itself."""
    return scale * (views @ views.transpose(1, 2))


def _itself(views: Tensor) -> Tensor:
    """(V, V) bool: a view with itself."""
    return torch.eye(views.shape[1], dtype=torch.bool, device=views.device)


def match_log_probability(
    views: Tensor, scale: Tensor | float, shared: Tensor | None = None
) -> Tensor:
    """log [ e^{s z_a . z_b} / ( e^{s z_a . z_b} + sum_{other samples} e^{s z_a . z} ) ].

    Other views of the same sample are in neither place. With one sample every entry is 0.

    Shapes: views (S, V, L) unit vectors; value (S, V, V), its diagonal without meaning.
    """
    samples, count, _ = views.shape
    z = views.flatten(0, 1)  # (S V, L)
    sample = torch.arange(samples, device=z.device).repeat_interleave(count)
    logits = without(scale * (z @ z.T), sample[:, None] == sample[None, :])
    logits = without(logits, shared)
    others = logits.logsumexp(1).view(samples, count, 1)
    return F.logsigmoid(cross_view(views, scale) - others)


def polyview_loss(
    views: Tensor, scale: Tensor | float, mean: str, shared: Tensor | None = None
) -> Tensor:
    """-(mean over samples and views a) of the mean over b != a of match_log_probability.

    geometric: the mean of the logs. arithmetic: the log of the mean of the probabilities.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    samples, count, _ = views.shape
    matches = match_log_probability(views, scale, shared)  # (S, V, V)
    if mean == "geometric":
        chosen = matches.masked_fill(_itself(views), 0)
        return -chosen.sum() / (samples * count * (count - 1))
    return math.log(count - 1) - without(matches, _itself(views)).logsumexp(-1).mean()


def view_alignment(views: Tensor, scale: Tensor | float) -> Tensor:
    """(S,) log sum_{l != l'} e^{s z_il . z_il'}, over ordered pairs of views.

    Shapes: views (S, V, L) unit vectors, V > 1.
    """
    logits = without(cross_view(views, scale), _itself(views))
    return logits.flatten(1).logsumexp(1)


def mv_infonce_loss(views: Tensor, scale: Tensor | float, shared: Tensor | None = None) -> Tensor:
    """mean_i { log sum_{l, (j, l') != (i, l)} e^{s z_il . z_jl'} - view_alignment_i }.

    Follows the published code where it and the text differ on j = i: a vector is never compared
    with itself, and the other views of its own sample do count among all.

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    z = views.flatten(0, 1)  # (S V, L)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = without(without(scale * (z @ z.T), itself), shared)
    everything = logits.view(len(views), -1).logsumexp(1)  # (S,)
    return (everything - view_alignment(views, scale)).mean()


def view_uniformity(views: Tensor, scale: Tensor | float, shared: Tensor | None = None) -> Tensor:
    """(S,) sum_l log sum_{j != i} e^{s z_il . z_jl}; 0 for a view with no j left to meet.

    Follows the published code where it and the text differ on j = i: it is left out.

    Shapes: views (S, V, L) unit vectors.
    """
    samples, count, _ = views.shape
    by_view = views.transpose(0, 1)  # (V, S, L)
    left_out = torch.eye(samples, dtype=torch.bool, device=views.device)  # (S, S)
    if shared is not None:  # (V, S, S), view l with view l
        same = shared.view(samples, count, samples, count).diagonal(dim1=1, dim2=3)
        left_out = left_out | same.movedim(2, 0)
    spread = without(cross_view(by_view, scale), left_out).logsumexp(2)  # (V, S)
    return spread.masked_fill(left_out.all(-1), 0).sum(0)


def mv_dhel_terms(
    views: Tensor, scale: Tensor | float, shared: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """mean_i { -log sum_{l < l'} e^{s z_il . z_il'} } and mean_i view_uniformity_i.

    Shapes: views (S, V, L) unit vectors, V > 1; values (), ().
    """
    # Each unordered pair of views is in view_alignment twice.
    alignment = math.log(2) - view_alignment(views, scale).mean()
    return alignment, view_uniformity(views, scale, shared).mean()


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

    def samples(self, batch: GroupedBatch) -> tuple[Tensor, Tensor | None]:
        """(S, V, L) unit vectors, and which of them are no negatives of each other."""
        if self.views == "group":
            return group_views(batch), shared_group_views(batch)
        views = pair_views(batch)
        return views, shared_pair_views(batch, views.shape[1])


class PolyView(MultiViewObjective):
    """Poly-View: each view of a sample matches each other one, see polyview_loss.

    Args:
        temperature, views: as in MultiViewObjective.
        mean: "geometric" (every other view must be matched) or "arithmetic" (one well matched view
            carries the others; by Jensen at most the geometric value).

    Shapes: image, text (M, N, L); value ().
    Source: Shidani et al. 2024, arXiv 2403.05490.
    Asks of the batch: nothing more.
    """

    def __init__(
        self, temperature: float = 0.1, views: str = "group", mean: str = "geometric"
    ) -> None:
        super().__init__(temperature, views)
        check_choice("mean", mean, MEANS)
        self.mean = mean

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "polyview" too."""
        views, shared = self.samples(batch)
        value = polyview_loss(views, self.scale(batch), self.mean, shared)
        return ObjectiveOutput.of(value, polyview=value)


class MvInfoNce(MultiViewObjective):
    """MV-InfoNCE: InfoNCE with all views in one term a sample, see mv_infonce_loss.

    Shapes: image, text (M, N, L); value ().
    Source: Koromilas et al. 2025, arXiv 2507.06979.
    Asks of the batch: nothing more.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "mv-infonce" too."""
        views, shared = self.samples(batch)
        value = mv_infonce_loss(views, self.scale(batch), shared)
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
        views, shared = self.samples(batch)
        alignment, uniformity = mv_dhel_terms(views, self.scale(batch), shared)
        return ObjectiveOutput.of(
            alignment + uniformity, alignment=alignment, uniformity=uniformity
        )
