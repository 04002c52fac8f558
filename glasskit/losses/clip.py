"""CLIP: each image picks its own caption among all captions, and each caption its own image.

Letters: M groups, N members a group, L width, B = M N pairs; u, v unit image and text vectors.
"""

from __future__ import annotations

from torch import Tensor

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.overlap import without
from glasskit.losses.vectors import symmetric_cross_entropy, unit_rows


def clip_loss(
    image: Tensor, text: Tensor, scale: Tensor | float, shared: Tensor | None = None
) -> Tensor:
    """1/2 [ mean_a CE(S_a., a) + mean_a CE(S_.a, a) ],  S_ab = s u_a . v_b.

    Pairs that share a label leave each other's denominators.

    Shapes: image, text (B, L) unit rows, shared (B, B) bool; value ().
    """
    return symmetric_cross_entropy(without(scale * image @ text.T, shared))


class Clip(Objective):
    """InfoNCE between images and captions, see clip_loss; members of a group are negatives too.

    Shapes: image, text (M, N, L); value ().
    Source: Radford et al. 2021, arXiv 2103.00020.
    Asks of the batch: nothing more. Groups do not matter to it.

    Raises:
        ValueError: temperature not positive and finite.
    """

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, under "clip" too."""
        image, text = unit_rows(batch.image), unit_rows(batch.text)
        value = clip_loss(image, text, self.scale(batch), batch.shared)
        return ObjectiveOutput.of(value, clip=value)
