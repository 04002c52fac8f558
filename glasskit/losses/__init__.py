"""Grouped contrastive objectives; this package imports torch and nothing else of the kit."""

from __future__ import annotations

from glasskit.losses.batch import GroupedBatch, ObjectiveOutput

__all__ = ["GroupedBatch", "ObjectiveOutput"]
