"""Grouped contrastive objectives, for other projects too: no other part of the kit is imported."""

from __future__ import annotations

from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.distributed import gather_batch
from glasskit.losses.grouped import GroupedContrastiveLoss, GroupedLoss
from glasskit.losses.inner import inner_loss
from glasskit.losses.outer import outer_loss

__all__ = [
    "GroupedBatch",
    "GroupedContrastiveLoss",
    "GroupedLoss",
    "ObjectiveOutput",
    "gather_batch",
    "inner_loss",
    "outer_loss",
]
