"""Measures: ties are never correct, shares have intervals, all models get the same questions.

The rule for ties and the recognition of concepts are in ``glasskit/models``: `vectors.TIE` and
`recognition.recognise`.

``evaluate`` measures a model on a data set, ``build_report`` compares several. `study` trains
recipes side by side, `unseen_study` also asks about labels that were left out of training. The
other modules hold one measure each.
"""

from __future__ import annotations

from glasskit.evaluation.evaluate import Evaluation, evaluate, measure, measure_embeddings
from glasskit.evaluation.report import Report, build_report, report_evaluations

__all__ = [
    "Evaluation",
    "Report",
    "build_report",
    "evaluate",
    "measure",
    "measure_embeddings",
    "report_evaluations",
]
