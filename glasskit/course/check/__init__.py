"""Checkers of exercises: what is wrong with a reader's function, in order, and never the answer.

Each asks one thing after the other (does it run, shape, value, gradient), stops at the first that
is wrong, and says in a sentence what to look at. It shows a result and does not raise, so that a
notebook with open exercises runs from top to bottom.
"""

from glasskit.course.check.batches import accumulated, batch, shared
from glasskit.course.check.captions import baseline, leaks
from glasskit.course.check.comparisons import holm, seen_unseen, sign_flip
from glasskit.course.check.hierarchy import outside, prior
from glasskit.course.check.losses import loss
from glasskit.course.check.measures import (
    average_precision,
    interval,
    neighbours,
    recognised,
    uniformity,
)
from glasskit.course.check.runs import held_back, hours
from glasskit.course.check.steps import Checked

__all__ = [
    "Checked",
    "accumulated",
    "average_precision",
    "baseline",
    "batch",
    "held_back",
    "holm",
    "hours",
    "interval",
    "leaks",
    "loss",
    "neighbours",
    "outside",
    "prior",
    "recognised",
    "seen_unseen",
    "shared",
    "sign_flip",
    "uniformity",
]
