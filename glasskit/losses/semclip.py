"""SemCLIP: a paraphrase means what its caption means, a negation does not.

Letters: M groups, N members a group, L width, B = M N pairs; u, t, t+, t- the unit vectors of
image, caption, paraphrase and negation; p(.) a projection on K = 2 directions.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from glasskit.losses.base import Objective, unit_rows
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.clip import clip_term
from glasskit.losses.vectors import unit

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


def project(rows: Tensor, axes: Tensor) -> Tensor:
    """p(t): the rows (B, L) on the axes (L, K), at length 1: (B, K)."""
    return unit(rows @ axes)


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
    Source: Ngan et al. 2025, arXiv 2511.16527; InfoNCE computed by open_clip's ClipLoss.
    Asks of the batch: paraphrase and negation.

    Raises:
        ValueError: temperature not positive and finite; vectors of width 1.
    """

    def __init__(self, temperature: float = 0.1, seed: int = 0) -> None:
        super().__init__("semclip", ("paraphrase", "negation"), temperature)
        self.seed = seed
        self.clip = clip_term()

    def terms(self, batch: GroupedBatch) -> ObjectiveOutput:
        """The value, with its three terms."""
        text = unit_rows(batch.text)
        axes = directions(batch.width, self.seed).to(text)
        caption = project(text, axes)
        paraphrase = project(unit_rows(self.field(batch, "paraphrase")), axes)
        negation = project(unit_rows(self.field(batch, "negation")), axes)
        parts = {
            "clip": self.clip(unit_rows(batch.image), text, self.scale(batch)),
            "paraphrase": paraphrase_loss(caption, paraphrase),
            "negation": negation_loss(caption, negation),
        }
        total = torch.stack(list(parts.values())).mean()
        return ObjectiveOutput(total, {name: value.detach() for name, value in parts.items()})
