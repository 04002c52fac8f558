"""Groups that overlap: a picture is no negative of a group whose label it carries.

Where a batch has `labels`, pairs that share one leave each other's denominators, in every
objective. They do not become positives: the groups alone say which pairs are. An objective on
groups keeps its in-group pairs as positives; one on single pairs (CLIP, SigLIP and those made of
them) leaves in-group pairs out too, as they share the group's label. Without `labels` each is the
published loss.

Letters: M groups, N members a group, B = M N pairs, C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.vectors import MASKED


def shared_labels(labels: Tensor) -> Tensor:
    """(B, B) bool: pairs a and b, not the same one, that have a label in common.

    Shapes: labels (M, N, C) bool, True where the pair carries the label.
    """
    carried = labels.flatten(0, 1).float()  # (B, C)
    itself = torch.eye(len(carried), dtype=torch.bool, device=labels.device)
    return (carried @ carried.T > 0) & ~itself


def check_shared(shared: Tensor | None, pairs: int) -> None:
    """Refuse what is not a (B, B) bool tensor, or None."""
    if shared is not None and (shared.dtype != torch.bool or shared.shape != (pairs, pairs)):
        raise ValueError(
            f"shared must be a bool tensor of shape (M N, M N) = ({pairs}, {pairs}), "
            f"got {shared.dtype} of shape {tuple(shared.shape)}"
        )


def across_groups(shared: Tensor, members: int) -> Tensor:
    """`shared` (B, B) with False within each group: in-group pairs are positives."""
    group = torch.arange(len(shared), device=shared.device) // members
    return shared & (group[:, None] != group[None, :])


def shared_with_groups(shared: Tensor, members: int) -> Tensor:
    """(B, B) -> (M, N, M) bool: pair (g, i) shares a label with any pair of another group h."""
    return (
        across_groups(shared, members)
        .unflatten(1, (-1, members))
        .any(2)
        .unflatten(0, (-1, members))
    )


def without(logits: Tensor, left_out: Tensor | None) -> Tensor:
    """The logits with those left out at "minus infinity"; as they are where it is None."""
    return logits if left_out is None else logits.masked_fill(left_out, MASKED)
