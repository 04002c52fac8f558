"""What the figures of merged words and patches draw, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from glasskit.plots.hierarchy import affinity_figure, bracket_figure, outline_figure, parts, spans

LOG_A = np.log([[0.9, 0.2, 0.7], [0.95, 0.6, 0.9]])


def test_words_above_the_threshold_belong_together() -> None:
    assert spans(LOG_A[0], 0.5) == [(0, 1), (2, 3)]
    assert spans(LOG_A[1], 0.5) == [(0, 3)]
    assert spans(LOG_A[0], 1.0) == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert spans(np.zeros(0), 0.5) == [(0, 0)]
    brackets = bracket_figure(["a", "red", "dog", "runs"], LOG_A, 0.5).data[0]
    assert brackets.x.count(None) == 3
    assert max(y for y in brackets.y if y is not None) == 2
    assert not bracket_figure(["a", "red", "dog", "runs"], LOG_A, 1.0).data[0].x


def test_patches_that_are_joined_on_any_way_are_one_part() -> None:
    right = np.log([[0.9, 0.1], [0.9, 0.1]])
    down = np.log([[0.1, 0.1, 0.9]])
    part = parts(right, down, 0.5)
    # Rows of a square of two by two in two parts, and the column beside them.
    assert part[0, 0] == part[0, 1] != part[1, 0] == part[1, 1]
    assert part[0, 2] == part[1, 2]
    assert len(np.unique(part)) == 3
    lines = outline_figure(Image.new("RGB", (30, 20)), right, down, 0.5).data[0]
    assert lines.x.count(None) == 4  # two to the right of a row, two between the rows
    assert not outline_figure(Image.new("RGB", (30, 20)), right, down, 0.01).data[0].x


def test_affinity_by_layer() -> None:
    figure = affinity_figure({"words": list(LOG_A)})
    assert list(figure.data[0].y) == pytest.approx(LOG_A.mean(1))
