"""SigLIP: every image-text pair is a yes-or-no question; and its form for groups.

Letters: M groups, N members a group, L width, B = M N pairs; u, v unit image and text vectors;
s = 1 / tau the scale and b the bias of the logits.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.vectors import unit_rows


def sigmoid_loss(
    logits: Tensor, positive: Tensor, count: int, shared: Tensor | None = None
) -> Tensor:
    """-(1 / count) sum log sigmoid(y x), y = +1 where positive and -1 elsewhere.

    What shares a label is no negative: its terms are left out of the sum.

    Shapes: logits (A, C), positive and shared (A, C) bool; value ().
    """
    terms = F.logsigmoid(torch.where(positive, logits, -logits))
    if shared is not None:
        terms = terms.masked_fill(shared & ~positive, 0)
    return -terms.sum() / count


def siglip_loss(
    image: Tensor,
    text: Tensor,
    members: int,
    scale: Tensor | float,
    bias: Tensor | float,
    shared: Tensor | None = None,
) -> Tensor:
    """-(1 / B) sum_ab log sigmoid(y_ab (s u_a . v_b + b)), y = +1 within the group of a, else -1.

    Shapes: image, text (B, L) unit rows, `members` of each group after those of the one before it;
    shared (B, B) bool, see sigmoid_loss; value ().
    """
    group = torch.arange(len(image), device=image.device) // members
    positive = group[:, None] == group[None, :]
    return sigmoid_loss(scale * image @ text.T + bias, positive, len(image), shared)


class SigmoidObjective(Objective):
    """An objective whose logits have a bias: a parameter that the trainer may learn.

    Put the objective's parameters beside the model's in the optimiser, without weight decay (a
    decaying bias would say that half of all pairs match). Not learned, it is a buffer.

    Args:
        temperature: as in Objective.
        logit_bias: b at the start; -10 answers "no" to nearly every pair, as most are.
        learn_bias: whether b is a parameter.

    Raises:
        ValueError: a bias that is not finite; temperature not positive and finite.
    """

    logit_bias: Tensor

    def __init__(
        self, temperature: float = 0.1, logit_bias: float = -10.0, learn_bias: bool = True
    ) -> None:
        super().__init__(temperature)
        if not math.isfinite(logit_bias):
            raise ValueError(f"logit_bias must be finite, got {logit_bias}")
        start = torch.tensor(float(logit_bias))
        if learn_bias:
            self.logit_bias = nn.Parameter(start)
        else:
            self.register_buffer("logit_bias", start)


class SigLip(SigmoidObjective):
    """SigLIP: a pair's own caption is a yes, every other caption a no, in-group ones too.

    It is siglip_loss with groups of one member. Shapes: image, text (M, N, L); value ().
    Source: Zhai et al. 2023, arXiv 2303.15343 (s = 10 and b = -10 at the start).
    Asks of the batch: nothing more. Groups do not matter to it.

    Raises:
        ValueError: an option out of range, see SigmoidObjective.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "siglip" too."""
        image, text, scale = unit_rows(batch.image), unit_rows(batch.text), self.scale(batch)
        members = batch.members if self.negatives_are_groups else 1
        value = siglip_loss(image, text, members, scale, self.logit_bias, batch.shared)
        return ObjectiveOutput.of(value, siglip=value)


class GroupedSigLip(SigLip):
    """SigLIP with every image-text pair of one group as a yes, see siglip_loss.

    Source: Zhai et al. 2023, arXiv 2303.15343, with the positives of a group. With N = 1 it is
    SigLip.
    """

    negatives_are_groups = True
