"""SemCLIP, CoN-CLIP and NegCLIP: a caption that is made false does not mean what it meant.

Letters: M groups, N members a group, L width, B = M N pairs; u, t, t+, t- the unit vectors of
image, caption, paraphrase and negation; u- that of a picture which the negation is true of; t* a
literal caption altered by rule (`glasskit.data.altered`); p(.) a projection on K = 2 directions;
s = 1 / tau.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from glasskit.losses.base import Objective
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.clip import clip_loss
from glasskit.losses.overlap import without
from glasskit.losses.vectors import unit, unit_rows

DIRECTIONS = 2


@torch.compiler.assume_constant_result
def directions(width: int, seed: int) -> Tensor:
    """(L, K) random orthonormal directions, float64 on the CPU, the same for the same seed.

    Raises:
        ValueError: a width below K.
    """
    if width < DIRECTIONS:
        raise ValueError(
            f"objective 'semclip' needs vectors of width {DIRECTIONS} or more, got {width}"
        )
    return _drawn(width, seed)


@lru_cache(maxsize=8)
def _drawn(width: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(width, DIRECTIONS, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(normal).Q


def paraphrase_loss(text: Tensor, paraphrase: Tensor) -> Tensor:
    """mean_a [ 1 - cos(p(t_a), p(t+_a)) ]; both (B, K) of length 1; value ()."""
    return 1 - (text * paraphrase).sum(-1).mean()


def negation_loss(text: Tensor, negation: Tensor) -> Tensor:
    """mean_a max(0, cos(p(t_a), p(t-_a))); both (B, K) of length 1; value ()."""
    return (text * negation).sum(-1).clamp_min(0).mean()


class SemClip(Objective):
    """SemCLIP: CLIP, with paraphrases pulled to their captions and negations pushed off them.

        L = 1/3 [ InfoNCE(u, t) + mean (1 - cos(p(t), p(t+))) + mean max(0, cos(p(t), p(t-))) ]

    The directions of p are fixed, drawn from `seed`, and made for the width of the batch; they
    are no parameter and in no checkpoint.

    Shapes: image, text, paraphrase, negation (M, N, L); value (), parts "clip", "paraphrase",
    "negation".
    Source: Ngan et al. 2025, arXiv 2511.16527.
    Asks of the batch: paraphrase and negation.

    Raises:
        ValueError: temperature not positive and finite; vectors of width 1.
    """

    needs = ("paraphrase", "negation")

    def __init__(self, temperature: float = 0.1, seed: int = 0) -> None:
        super().__init__(temperature)
        self.seed = seed

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its three terms."""
        text = unit_rows(batch.text)
        axes = directions(batch.width, self.seed).to(text)
        caption = unit(text @ axes)  # (B, K)
        paraphrase = unit(unit_rows(self.field(batch, "paraphrase")) @ axes)
        negation = unit(unit_rows(self.field(batch, "negation")) @ axes)
        parts = {
            "clip": clip_loss(unit_rows(batch.image), text, self.scale(batch), batch.shared),
            "paraphrase": paraphrase_loss(caption, paraphrase),
            "negation": negation_loss(caption, negation),
        }
        return ObjectiveOutput.of(torch.stack(list(parts.values())).mean(), **parts)


def match_loss(
    rows: Tensor,
    own: Tensor,
    distractors: Tensor,
    scale: Tensor | float,
    shared: Tensor | None = None,
) -> Tensor:
    """mean_a CE( s r_a [own; distractors]^T, a ): each row picks its own among twice as many.

    Shapes: rows, own, distractors (B, L) unit rows; shared (B, B) bool, which of `own` a row leaves
    out; value ().
    """
    logits = scale * (rows @ torch.cat([own, distractors]).T)  # (B, 2 B)
    if shared is not None:
        logits = without(logits, torch.cat([shared, torch.zeros_like(shared)], 1))
    return F.cross_entropy(logits, torch.arange(len(rows), device=rows.device))


class ConClip(Objective):
    """CoN-CLIP: cross entropies with negated captions and negating pictures as hard negatives.

        L = 1/3 [ CE(s u [t; t-]^T) + CE(s t [u; u-]^T) + CE(s u- [t-; t]^T) ]

    The labels of a batch are those of its pictures and captions: they say nothing of t- and u-,
    which stay negatives of all.

    Shapes: image, text, negation, negative_image (M, N, L); value (), parts "image", "text",
    "negative_image" (the three cross entropies in this order).
    Source: Singh et al. 2024, arXiv 2403.20312.
    Asks of the batch: negation and negative_image.

    Raises:
        ValueError: temperature not positive and finite.
    """

    needs = ("negation", "negative_image")

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its three terms."""
        scale, shared = self.scale(batch), batch.shared
        image, text = unit_rows(batch.image), unit_rows(batch.text)
        negation = unit_rows(self.field(batch, "negation"))
        negative = unit_rows(self.field(batch, "negative_image"))
        parts = {
            "image": match_loss(image, text, negation, scale, shared),
            "text": match_loss(text, image, negative, scale, shared),
            "negative_image": match_loss(negative, negation, text, scale),
        }
        return ObjectiveOutput.of(torch.stack(list(parts.values())).mean(), **parts)


class NegClip(Objective):
    """NegCLIP: CLIP, with captions that are altered by rule as wrong answers to every picture.

        L = 1/2 [ CE(s u [t; t*]^T) + CE(s t u^T) ]

    As the instance objective of `joint` it is the joint instance-level and group-level objective
    with synthetic hard negatives.

    Shapes: image, text, altered (M, N, L); value (), parts "image", "text" (the cross entropies in
    this order).
    Source: Yuksekgonul et al. 2023, arXiv 2210.01936.
    Asks of the batch: altered.

    Raises:
        ValueError: temperature not positive and finite.
    """

    needs = ("altered",)

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its two terms."""
        scale, shared = self.scale(batch), batch.shared
        image, text = unit_rows(batch.image), unit_rows(batch.text)
        altered = unit_rows(self.field(batch, "altered"))
        own = torch.arange(len(text), device=text.device)
        parts = {
            "image": match_loss(image, text, altered, scale, shared),
            "text": F.cross_entropy(without(scale * text @ image.T, shared), own),
        }
        return ObjectiveOutput.of(torch.stack(list(parts.values())).mean(), **parts)
