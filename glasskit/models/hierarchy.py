"""Hierarchy-aware attention: neighbours merge layer by layer, and attention stays within parts.

HiCLIP (Geng et al. 2023, arXiv 2303.02995) has no public code that runs. The rule for a line of
tokens is that of its source, the Tree Transformer (Wang et al. 2019, arXiv 1909.06639); the rule
for a grid of patches (`grid_prior`) is this project's own. Both compute with logs of affinities in
float32, so that no product of small numbers and no square root has a gradient without bound.

Two neighbours that are both there have an affinity a from 0 to 1: how sure the model is that they
belong together. A token attends to another as far as all neighbours on the way have merged:

    attention = softmax(Q K^T / sqrt(d)) * C,   C_ij = product of a over the way from i to j

The rows are not renormalised. C needs both neighbours of a token: with a causal mask it would tell
a token what comes next.

Letters: B rows of a batch, L tokens, H x W patches, N = H W, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NOT_THERE = -1e30
"""Score of a neighbour that is not there: its share of the softmax is 0."""

LEAST = -80.0
"""Least log affinity: e^-80 is nothing, and sums over a way stay exact enough in float32."""


def neighbour_affinity(x: Tensor, mask: Tensor | None = None, keys: Tensor | None = None) -> Tensor:
    """(B, L-1) log of the affinity of each token with the next one.

    Each token shares itself out between its neighbours, p = softmax of x_i . k_j / D over the
    neighbours j that are there, and log a = (log p_{i,i+1} + log p_{i+1,i}) / 2. Both ends must
    choose each other. A token with one neighbour has no choice: with equal scores a is .71 at the
    ends of a line and .5 within.

    Args:
        x: (B, L, D) queries, of any floating type.
        mask: (B, L) bool, True for a token and False for padding; None: all are tokens. Next to
            padding the log is 0.
        keys: (B, L, D); None: x itself.
    """
    line = None if mask is None else mask[:, None]
    right, _ = grid_affinity(x[:, None], line, None if keys is None else keys[:, None])
    return right[:, 0]


def grid_affinity(
    x: Tensor, mask: Tensor | None = None, keys: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(B, H, W-1) and (B, H-1, W) logs of the affinity with the patch to the right and below.

    As `neighbour_affinity`, between up to four neighbours. A row's end and the start of the next
    row are none.

    Args:
        x: (B, H, W, D) queries. mask: (B, H, W) bool. keys: (B, H, W, D); None: x itself.
    """
    x = accumulated(x)
    keys = x if keys is None else accumulated(keys)
    width = x.shape[-1]
    right = (x[:, :, :-1] * keys[:, :, 1:]).sum(-1) / width  # (B, H, W-1) what each sees there
    left = (x[:, :, 1:] * keys[:, :, :-1]).sum(-1) / width
    down = (x[:, :-1] * keys[:, 1:]).sum(-1) / width  # (B, H-1, W)
    up = (x[:, 1:] * keys[:, :-1]).sum(-1) / width
    apart_in_row = apart_in_column = None
    if mask is not None:
        apart_in_row = ~(mask[:, :, :-1] & mask[:, :, 1:])
        apart_in_column = ~(mask[:, :-1] & mask[:, 1:])
        right, left = (s.masked_fill(apart_in_row, NOT_THERE) for s in (right, left))
        down, up = (s.masked_fill(apart_in_column, NOT_THERE) for s in (down, up))
    scores = [
        functional.pad(right, (0, 1), value=NOT_THERE),
        functional.pad(left, (1, 0), value=NOT_THERE),
        functional.pad(down, (0, 0, 0, 1), value=NOT_THERE),
        functional.pad(up, (0, 0, 1, 0), value=NOT_THERE),
    ]
    share = torch.stack(scores).log_softmax(0)  # (4, B, H, W)
    in_row = (share[0, :, :, :-1] + share[1, :, :, 1:]) / 2
    in_column = (share[2, :, :-1] + share[3, :, 1:]) / 2
    if apart_in_row is not None and apart_in_column is not None:
        in_row = in_row.masked_fill(apart_in_row, 0)
        in_column = in_column.masked_fill(apart_in_column, 0)
    return in_row, in_column


def merge(previous: Tensor, affinity: Tensor) -> Tensor:
    """Log of a + (1 - a) a', never below log a: what a layer has merged stays merged.

    Args:
        previous: log a of the layer below, of any shape; -infinity where nothing has merged.
        affinity: log a' of this layer, likewise.
    """
    previous, affinity = accumulated(previous), accumulated(affinity)
    # At a = 1 nothing is left to add; the clamp keeps the gradient of log 0 out.
    left = (-previous.expm1()).clamp_min(1e-30).log()
    return torch.logaddexp(previous, left + affinity).clamp_max(0)


def constituent_prior(log_a: Tensor) -> Tensor:
    """(B, L-1) logs of the affinity of token i with i+1 -> (B, L, L) priors C.

    C_ij is the product of the affinities between i and j, as exp(-|P_i - P_j|) with the running sum
    P of their logs: symmetric, 1 on the diagonal, in O(L^2).
    """
    return log_constituent_prior(log_a).exp()


def log_constituent_prior(log_a: Tensor) -> Tensor:
    """(B, L-1) -> (B, L, L) logs of `constituent_prior`."""
    return -_way(log_a)


def grid_prior(log_right: Tensor, log_down: Tensor) -> Tensor:
    """(B, H, W-1), (B, H-1, W) -> (B, N, N) priors of patches in raster order; the project's rule.

    C is the product of the affinities on the better of the two L-shaped ways from one patch to the
    other: along the row and then the column, or along the column and then the row. Symmetric, 1 on
    the diagonal, in O(N^2).

    Args:
        log_right: log affinity of each patch with the one to its right.
        log_down: with the one below.
    """
    return log_grid_prior(log_right, log_down).exp()


def log_grid_prior(log_right: Tensor, log_down: Tensor) -> Tensor:
    """(B, H, W-1), (B, H-1, W) -> (B, N, N) logs of `grid_prior`."""
    rows = _way(log_right)  # (B, H, W, W): in row r from column c to c'
    columns = _way(log_down.transpose(1, 2))  # (B, W, H, H): in column c from row r to r'
    batch, height, width, _ = rows.shape
    # From (r, c) along row r to column c', then along column c' to row r'.
    row_first = rows[:, :, :, None] + columns.permute(0, 2, 3, 1)[:, :, None]  # (B, H, W, H, W)
    ways = row_first.reshape(batch, height * width, height * width)
    # Column first is the way back of row first.
    return -torch.minimum(ways, ways.transpose(1, 2))


def with_class_token(prior: Tensor) -> Tensor:
    """(B, N, N) -> (B, N+1, N+1): a class token in front, which sees all and is seen by all."""
    return functional.pad(prior, (1, 0, 1, 0), value=1.0)


def accumulated(x: Tensor) -> Tensor:
    """x in the precision that is computed in: float64 stays, all else is float32."""
    return x if x.dtype == torch.float64 else x.float()


def _way(log_a: Tensor) -> Tensor:
    """(..., L-1) -> (..., L, L): minus the log of the product of the affinities between two."""
    place = functional.pad(accumulated(log_a).clamp_min(LEAST).cumsum(-1), (1, 0))
    return (place[..., :, None] - place[..., None, :]).abs()
