"""Measures: ties are never correct, shares have intervals, all models get the same questions.

One model on one data set
- `evaluate`: every measure at once, as one dict; `embeddings`: the vectors that they need
- `concepts`: recognition at a level; the rule itself is `glasskit.models.recognition`
- `multilabel`: pictures with several labels: average precision, precision at 5
- `retrieval`: captions among captions, pictures among pictures
- `negation`: a caption against its negation; `hard_negatives`: against easily confused ones
- `taxonomy`: a tree of labels against the taxonomy

How sure it is, and models side by side
- `intervals`: 95% intervals, the paired sign-flip test, Holm's correction
- `comparison`: models on the same pictures; `report`: what a report says of them

Training compared
- `study`: recipes side by side, cross-validated
- `unseen`: folds that leave labels out; `unseen_study`: what recipes do with these labels
- `seen_unseen`: both kinds of label together; `train_test_leaks`: nothing left out is trained on
- `study_file`: a study's JSON, read again

Benchmarks, published ones and of grouped data sets
- `benchmarks`: all of them by name; `caption_benchmarks`, `class_benchmarks`, `score`
- `label_benchmark`: labels, also with names moved towards captions; `monotonicity`: long captions
- `benchmark_report`: models side by side, without pictures that they were trained on
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
