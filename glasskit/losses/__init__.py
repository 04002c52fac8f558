"""Grouped contrastive objectives, for other projects too: they import torch alone."""

from __future__ import annotations

from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.losses.clear_glass import GroupedContrastiveLoss, GroupedLoss
from glasskit.losses.distributed import gather_batch
from glasskit.losses.functional import inner_loss, outer_loss
from glasskit.losses.overlap import shared_labels

__all__ = [
    "GroupedBatch",
    "GroupedContrastiveLoss",
    "GroupedLoss",
    "ObjectiveOutput",
    "gather_batch",
    "inner_loss",
    "outer_loss",
    "shared_labels",
]
