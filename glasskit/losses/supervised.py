"""UniCL and SupCon: the group as a class, each member of it to be met.

Letters: M groups, N members a group, L width, B = M N pairs; u, v unit image and text vectors;
S_ab = s u_a . v_b, s = 1 / tau; P(a) the N pairs of a's group; for SupCon z the 2 B unit vectors,
images and captions alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.multiview import group_views, shared_group_views
from glasskit.losses.overlap import across_groups, without
from glasskit.losses.vectors import accumulator, unit


def multi_positive_loss(
    image: Tensor, text: Tensor, scale: Tensor | float, shared: Tensor | None = None
) -> Tensor:
    """1/2 [ CE(p, S) + CE(p, S^T) ], where row p_a is 1/N on P(a) and 0 elsewhere.

    CE(p, S) = mean_a [ LSE_b S_ab - s u_a . mean_{P(a)} v ], so beyond the two LSE it costs
    O(B L): the mean over all anchors of the second term is that of s mean_i u_gi . mean_j v_gj.

    Pairs of different groups that share a label leave each other's LSE.

    Shapes: image, text (M, N, L) unit vectors, shared (B, B) bool; value ().
    """
    u, v = image.flatten(0, 1), text.flatten(0, 1)  # (B, L)
    left_out = None if shared is None else across_groups(shared, image.shape[1])
    logits = without(scale * (u @ v.T), left_out)  # (B, B)
    spread = logits.logsumexp(1).mean() + logits.logsumexp(0).mean()
    alignment = (image.mean(1) * text.mean(1)).sum(-1).mean()
    return spread / 2 - scale * alignment


class UniCl(Objective):
    """UniCL / StableRep: cross entropy to a uniform target over the own group, both ways.

        L = 1/2 [ CE(p, S) + CE(p, S^T) ],  p_ab = 1/N within the group of a, else 0

    By Jensen it is at least L_out(pairwise) + log N: CLEAR GLASS lets one easy positive satisfy
    a row, UniCL asks for all. Its least value is therefore log N, not 0.

    Shapes: image, text (M, N, L); value ().
    Source: Yang et al. 2022, arXiv 2204.03610; Tian et al. 2023, arXiv 2306.00984.
    Asks of the batch: nothing more. With N = 1 it is CLIP.

    Raises:
        ValueError: temperature not positive and finite.
    """

    negatives_are_groups = True

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "unicl" too."""
        image, text = unit(accumulator(batch.image)), unit(accumulator(batch.text))
        value = multi_positive_loss(image, text, self.scale(batch), batch.shared)
        return ObjectiveOutput.of(value, unicl=value)


def supcon_loss(views: Tensor, scale: Tensor | float, shared: Tensor | None = None) -> Tensor:
    """mean_a -(1 / |P(a)|) sum_{p in P(a)} [ s z_a . z_p - LSE_{k != a} s z_a . z_k ].

    P(a) holds the V - 1 other vectors of a's sample. The sum over it is one product with the
    sample's sum, O(S V L).

    Shapes: views (S, V, L) unit vectors of S samples with V views, V > 1; shared (S V, S V) bool,
    views of different samples that leave each other's LSE; value ().
    """
    samples, count, _ = views.shape
    z = views.flatten(0, 1)  # (S V, L)
    itself = torch.eye(samples * count, dtype=torch.bool, device=z.device)
    logits = without(without(scale * (z @ z.T), itself), shared)
    spread = logits.logsumexp(1).mean()
    others = views.sum(1, keepdim=True) - views  # (S, V, L)
    alignment = (views * others).sum(-1).mean() / (count - 1)
    return spread - scale * alignment


class SupCon(Objective):
    """Supervised contrastive loss (the L_out form), the group as the class.

    Its 2 B anchors are images and captions together, so that, unlike CLIP and UniCL, images are
    compared with images and captions with captions too. Formula: see supcon_loss.

    Shapes: image, text (M, N, L); value ().
    Source: Khosla et al. 2020, arXiv 2004.11362, eq. 2.
    Asks of the batch: nothing more.

    Raises:
        ValueError: temperature not positive and finite.
    """

    negatives_are_groups = True

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "supcon" too."""
        value = supcon_loss(group_views(batch), self.scale(batch), shared_group_views(batch))
        return ObjectiveOutput.of(value, supcon=value)
