"""Figures hold what they were given, in the right colours, with captions escaped."""

from __future__ import annotations

import numpy as np
import pytest

from glasskit.analysis.gradients import loss_of, negative_gradient, on_circle
from glasskit.data.scenes import load_scenes
from glasskit.plots.losses import LONGEST, gradient_figure
from glasskit.plots.maps import map_figure
from glasskit.plots.scores import Curve, curves_figure, over_seeds, within_figure
from glasskit.plots.sheets import sheet_figure
from glasskit.plots.style import level_colours
from tests.analysis.toys import colour_dataset


def test_map_has_a_trace_a_label_and_ids_in_customdata() -> None:
    data = colour_dataset()
    places, words = np.arange(24.0).reshape(12, 2), np.zeros((3, 2))
    figure = map_figure(data, [("before", places, words), ("after", -places, words)], level=2)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [trace.name for trace in dots] == ["primary", "other"] * 2
    assert dots[0].marker.color == level_colours(data, 2)["primary"]
    rows = [row for trace in dots[:2] for row in trace.customdata]
    assert sorted(rows) == list(range(12))
    for trace in dots[:2]:
        assert list(trace.x) == [places[row, 0] for row in trace.customdata]
    assert "<br>" in dots[0].hovertext[0]
    assert "&lt;b&gt;" in dots[0].hovertext[0]
    names = [trace for trace in figure.data if trace.mode == "markers+text"]
    assert [trace.name for trace in names] == ["concept names"] * 2
    assert len(set(names[0].textposition)) == 3, "names of one place stand on different sides"


def test_arrows_share_one_scale() -> None:
    image, text = on_circle([[10, 40], [170, 200]]), on_circle([[30, 15], [190, 150]])
    batches = {
        name: negative_gradient(image, text, loss_of(name, temperature=0.3))
        for name in ("clip", "grouped")
    }
    paths = [t for t in gradient_figure(batches, names="ab").data if t.marker.symbol == "arrow"]
    moves = [np.array([t.x, t.y]).T.reshape(-1, 3, 2)[:, :2] for t in paths]  # (arrows, ends, 2)
    lengths = np.linalg.norm(np.diff(np.concatenate(moves), axis=1), axis=-1)
    assert lengths.max() == pytest.approx(LONGEST, abs=1e-3)
    assert len(gradient_figure(batches, names="ab", arrows=False).data) == 2 * 2 * 2


def test_within_counts_places_up_to_k() -> None:
    figure = within_figure({"a": np.array([1, 3, 3, 4])}, choices=4)
    assert list(figure.data[0].y) == [25, 25, 75, 100]


def test_curves_have_bands_only_for_repeats() -> None:
    band = over_seeds([1, 2], [[1.0, 2.0], [3.0, 4.0]])
    assert [list(part) for part in band] == [[1, 2], [2, 3], [1, 2], [3, 4]]
    figure = curves_figure({"a": band, "b": Curve([1, 2], [0, 1])}, x="x", y="y")
    assert [trace.fill for trace in figure.data] == ["toself", None, None]


def test_sheet_escapes_wraps_and_shortens_notes() -> None:
    figure = sheet_figure(load_scenes(), [0, 1], ["*<b>x\n" + "word " * 60, "plain"])
    first, second = (annotation.text for annotation in figure.layout.annotations)
    assert first.startswith("<b>&lt;b&gt;x</b><br>word")
    assert first.count("<br>") == 4
    assert first.endswith(" word ...")
    assert second == "plain"
