"""Measures that a reviewer would accept: ties never win, intervals everywhere, fixed questions.

``evaluate`` measures a model on a data set, ``build_report`` compares several, and
``leave_concepts_out`` asks about concepts that were never trained on. The other modules hold one
measure each.
"""

from __future__ import annotations

from glasskit.evaluation.evaluate import Evaluation, evaluate, measure, measure_embeddings

__all__ = ["Evaluation", "evaluate", "measure", "measure_embeddings"]
