"""Pooling over the tokens of frozen towers, by attention and by hierarchy-aware attention.

The built-in towers end in a mean: of 7 x 7 places of a picture, of the tokens of a text. Here the
mean becomes a weighted mean that is learned, so that the heads behind it stay what they are. An
extension beside CLEAR GLASS.

Letters: B rows of a batch, T tokens (49 places of a picture, or the tokens of a text), D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from glasskit.errors import InputError
from glasskit.models.glass_model import GlassModel
from glasskit.models.hierarchy import (
    grid_affinity,
    log_constituent_prior,
    log_grid_prior,
    neighbour_affinity,
)

RANK = 64
"""Width of queries and keys."""


class MeanPool(nn.Module):
    """The mean of the tokens that are there: what the towers do."""

    def weights(self, x: Tensor, there: Tensor) -> Tensor:
        """(B, T) share of each token in what is pooled; the shares of a row sum to 1.

        Args:
            x: (B, T, D).
            there: (B, T) bool, False for padding.
        """
        shares = there.to(x.dtype)
        return shares / shares.sum(1, keepdim=True)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """(B, T, D) -> (B, D)."""
        return (self.weights(x, there)[:, None] @ x)[:, 0]


class AttentionPool(MeanPool):
    """Tokens count as much as all tokens attend to them.

    w_j ~ sum over i of softmax_j(q_i . k_j / sqrt(d)) C_ij, with C = 1 here. Queries are 0 at the
    start, where w is the mean. They see the direction of a token alone, at length sqrt(D) as after
    a layer norm, so that a learning rate means the same for every tower.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, RANK, bias=False)
        self.key = nn.Linear(width, RANK, bias=False)
        nn.init.zeros_(self.query.weight)

    def log_prior(self, x: Tensor, there: Tensor) -> Tensor | None:
        """(B, T, T) log C from tokens of length sqrt(D); None where C = 1."""
        return None

    def weights(self, x: Tensor, there: Tensor) -> Tensor:
        """(B, T) share of each token in what is pooled."""
        x = functional.normalize(x, dim=-1) * x.shape[-1] ** 0.5
        scores = self.query(x) @ self.key(x).transpose(1, 2) / RANK**0.5
        log_seen = scores.masked_fill(~there[:, None], -torch.inf).log_softmax(-1)  # (B, T, T)
        log_prior = self.log_prior(x, there)
        if log_prior is not None:
            log_seen = log_seen + log_prior
        seen = (log_seen.exp() * there[:, :, None]).sum(1)
        return seen / seen.sum(1, keepdim=True)


class HierarchyPool(AttentionPool):
    """Attention within what has merged: C is the prior of `hierarchy`, from one layer.

    A token counts the more, the larger the part that it belongs to.

    Args:
        width: D.
        grid: H, W of places in raster order; None for a text. The first and the last token of a
            text are marks: they see all and are seen by all.
    """

    def __init__(self, width: int, grid: tuple[int, int] | None) -> None:
        super().__init__(width)
        self.grid = grid
        self.beside_query = nn.Linear(width, RANK, bias=False)
        self.beside_key = nn.Linear(width, RANK, bias=False)

    def log_prior(self, x: Tensor, there: Tensor) -> Tensor:
        """(B, T, T) log C from tokens of length sqrt(D)."""
        queries, keys = self.beside_query(x), self.beside_key(x)
        if self.grid is not None:
            queries, keys = (side.unflatten(1, self.grid) for side in (queries, keys))
            return log_grid_prior(*grid_affinity(queries, None, keys))
        place = torch.arange(x.shape[1], device=x.device)
        words = there & (place > 0) & (place < there.sum(1, keepdim=True) - 1)
        log_prior = log_constituent_prior(neighbour_affinity(queries, words, keys))
        return log_prior.masked_fill(~(words[:, :, None] & words[:, None]), 0)


@torch.inference_mode()
def word_features(model: GlassModel, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """(n, T) token ids -> (n, T, G) features of each token, and (n, T) bool which are there.

    Raises:
        InputError: the text tower is not one of Hugging Face, whose tokens lie in its space.
    """
    tower: Any = getattr(model.clip, "text", None)
    if getattr(tower, "pooler", None) is None:
        raise InputError(f"model {model.name!r} has no word tokens in the space of its text head")
    there = tokens != tower.config.pad_token_id
    out = tower.transformer(input_ids=tokens, attention_mask=there.long())
    return out.last_hidden_state, there
