"""CoN-CLIP: true and negated captions, true and negating pictures, each against its opposite.

Letters: M groups, N members a group, L width, B = M N pairs; u+, u- the unit vectors of the
picture and of one that the negation is true of; t, t- of the caption and of its negation;
s = 1 / tau.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from glasskit.losses.base import Objective, unit_rows
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput


def match_loss(rows: Tensor, own: Tensor, distractors: Tensor, scale: Tensor | float) -> Tensor:
    """mean_a CE( s r_a [own; distractors]^T, a ): each row picks its own among twice as many.

    Shapes: rows, own, distractors (B, L) unit rows; value ().
    """
    logits = scale * (rows @ torch.cat([own, distractors]).T)  # (B, 2 B)
    return F.cross_entropy(logits, torch.arange(rows.shape[0], device=rows.device))


class ConClip(Objective):
    """CoN-CLIP: cross entropies with negated captions and negating pictures as hard negatives.

        L = 1/3 [ CE(s u+ [t; t-]^T) + CE(s t [u+; u-]^T) + CE(s u- [t-; t]^T) ]

    Shapes: image, text, negation, negative_image (M, N, L); value (), parts "image", "text",
    "negative_image" (the three cross entropies in this order).
    Source: Singh et al. 2024, arXiv 2403.20312.
    Asks of the batch: negation and negative_image.

    Raises:
        ValueError: temperature not positive and finite.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__("conclip", ("negation", "negative_image"), temperature)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its three terms."""
        scale = self.scale(batch)
        image, text = unit_rows(batch.image), unit_rows(batch.text)
        negation = unit_rows(self.field(batch, "negation"))
        negative = unit_rows(self.field(batch, "negative_image"))
        parts = {
            "image": match_loss(image, text, negation, scale),
            "text": match_loss(text, image, negative, scale),
            "negative_image": match_loss(negative, negation, text, scale),
        }
        total = torch.stack(list(parts.values())).mean()
        return ObjectiveOutput(total, {name: value.detach() for name, value in parts.items()})
