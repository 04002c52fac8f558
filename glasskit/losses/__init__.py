"""Grouped contrastive objectives, for other projects too: they import torch alone.

- `functional`: the outer and inner loss of CLEAR GLASS as functions; `clear_glass`: as modules
- `objectives`: the registry of all objectives by name
- `clip`, `siglip`, `supervised`, `multiview`, `negation`, `c2lip`, `entailment`, `joint`: others
- `base`, `batch`: what an objective is, takes and gives
- `overlap`: which pairs are no negatives of each other
- `distributed`: one batch from all processes; `vectors`: unit length, precision, checks of options
"""

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
