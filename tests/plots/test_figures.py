"""Figures hold what they were given, in the right colours, with captions escaped."""

from __future__ import annotations

import numpy as np

from glasskit.plots.figures import bars_figure, map_figure, similarity_figure
from glasskit.plots.palette import level_colours
from tests.analysis.toys import colour_dataset


def test_map_has_a_trace_a_label_and_ids_in_customdata() -> None:
    data = colour_dataset()
    places, words = np.arange(24.0).reshape(12, 2), np.zeros((3, 2))
    figure = map_figure(data, [("before", places, words), ("after", -places, words)], level=2)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.name for trace in dots] == ["primary", "other"] * 2
    assert dots[0].marker.color == level_colours(data.concepts, 2)["primary"]
    rows = [row for trace in dots[:2] for row in trace.customdata]
    assert sorted(rows) == list(range(12))
    for trace in dots[:2]:
        assert list(trace.x) == [places[row, 0] for row in trace.customdata]
    assert "<br>" in dots[0].hovertext[0]
    assert "&lt;b&gt;" in dots[0].hovertext[0]
    assert [t.name for t in figure.data if t.mode == "markers+text"] == ["concept names"] * 2


def test_bars_share_one_scale_and_mark_the_own_concept() -> None:
    figure = bars_figure([("a", 0.2), ("b", 0.1)], [("b", 0.8), ("a", 0.1)], own="b")
    left, right = figure.data
    assert list(left.y) == ["b", "a"]
    assert left.marker.color[0] == right.marker.color[1] != left.marker.color[1]
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range


def test_similarity_of_a_group() -> None:
    figure = similarity_figure(np.eye(2), np.ones((2, 2)), ["<i>one</i>", "two"])
    assert figure.data[0].z.tolist() == [[1, 0], [0, 1]]
    assert "&lt;i&gt;" in figure.data[0].hovertext[0][1]
    named = similarity_figure(np.eye(5), np.eye(5), groups={"three": 3, "two": 2})
    assert list(named.layout.yaxis.tickvals) == [1, 3.5]
    assert {(line.x0, line.y0) for line in named.layout.shapes} >= {(2.5, 0), (0, 2.5)}
