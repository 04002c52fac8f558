"""CLIP: each image picks its own caption among all captions, and each caption its own image.

Letters: M groups, N members a group, L width, B = M N pairs; u, v unit image and text vectors.
"""

from __future__ import annotations

from torch import Tensor, nn

from glasskit.losses.base import Objective, unit_rows
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput


def clip_term() -> nn.Module:
    """open_clip's ClipLoss: (B, L), (B, L) unit rows and a scale -> ().

    Made here and not at import, so that the losses import torch alone. It runs as in one
    process because an objective joins the ranks before it.
    """
    from open_clip.loss import ClipLoss

    return ClipLoss()


class Clip(Objective):
    """InfoNCE between images and captions; other members of the group are negatives.

        S = s U V^T;  L = 1/2 [ mean_a CE(S_a., a) + mean_a CE(S_.a, a) ],  s = 1 / tau

    Shapes: image, text (M, N, L); U, V (B, L); value ().
    Source: Radford et al. 2021, arXiv 2103.00020; computed by open_clip's ClipLoss.
    Asks of the batch: nothing more. Groups do not matter to it.

    Raises:
        ValueError: temperature not positive and finite.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__("clip", (), temperature)
        self.clip = clip_term()

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "clip" too."""
        value: Tensor = self.clip(unit_rows(batch.image), unit_rows(batch.text), self.scale(batch))
        return ObjectiveOutput(value, {"clip": value.detach()})
