"""SupCon: images and captions of a group are one class, all drawn together.

Letters: M groups, N members a group, L width, B = M N pairs; z the 2 B unit vectors, images and
captions alike; s = 1 / tau; S samples with V views, see views.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.base import MASKED, Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.views import group_views


def supcon_loss(views: Tensor, scale: Tensor | float) -> Tensor:
    """mean_a -(1 / |P(a)|) sum_{p in P(a)} [ s z_a . z_p - LSE_{k != a} s z_a . z_k ].

    P(a) holds the V - 1 other vectors of a's sample. The sum over it is one product with the
    sample's sum, O(S V L).

    Shapes: views (S, V, L) unit vectors, V > 1; value ().
    """
    samples, count, _ = views.shape
    z = views.flatten(0, 1)  # (S V, L)
    itself = torch.eye(samples * count, dtype=torch.bool, device=z.device)
    spread = (scale * (z @ z.T)).masked_fill(itself, MASKED).logsumexp(1).mean()
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

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__("supcon", (), temperature, negatives_are_groups=True)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "supcon" too."""
        value = supcon_loss(group_views(batch), self.scale(batch))
        return ObjectiveOutput(value, {"supcon": value.detach()})
