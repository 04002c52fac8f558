"""The figures of the notebooks hold what they were given, and `show` stores JSON and a line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from glasskit.analysis.gradients import let_go, loss_of, on_circle, pulls
from glasskit.data.captions import CaptionTable
from glasskit.data.sampler import GroupSampler
from glasskit.data.scenes import load_scenes
from glasskit.losses import outer_loss
from glasskit.plots.compared import (
    LETTER,
    LINE,
    PLOT,
    label_places,
    spread_figure,
    trade_figure,
)
from glasskit.plots.curves import Curve, curves_figure, over_seeds
from glasskit.plots.data import plan_figure, taxonomy_figure
from glasskit.plots.live import LiveCurves
from glasskit.plots.losses import LONGEST, matrix_figure, pulls_figure
from glasskit.plots.measures import (
    Change,
    Share,
    change_figure,
    shares_figure,
    within_figure,
)
from glasskit.plots.pictures import sheet_figure
from glasskit.plots.style import MIMETYPE, bundle


@pytest.fixture(scope="module")
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return on_circle([[10, 40], [170, 200]]), on_circle([[30, 15], [190, 150]])


def test_pulls_are_minus_the_gradient_and_turn_without_stretching(batch) -> None:
    image, text = batch
    one = pulls(image, text, outer_loss)
    assert one.value == pytest.approx(outer_loss(image, text).item())
    assert (one.image * one.image_pull).sum(-1).abs().max() < 1e-9
    step = 1e-5
    moved = outer_loss(image + step * one.image_pull, text)
    slope = float((outer_loss(image, text) - moved) / step)
    assert slope == pytest.approx(float(one.image_pull.square().sum()), rel=1e-3)


def test_letting_go_lowers_the_loss(batch) -> None:
    image, text = batch
    loss = loss_of("clip", temperature=0.3)
    free = let_go(image, text, loss, steps=30)
    assert free.value < pulls(image, text, loss).value
    assert torch.allclose(free.image.norm(dim=-1), torch.ones(2, 2, dtype=torch.float64))


def test_arrows_share_one_scale(batch) -> None:
    image, text = batch
    panels = {
        name: pulls(image, text, loss_of(name, temperature=0.3)) for name in ("clip", "grouped")
    }
    arrows = [a for a in pulls_figure(panels).layout.annotations if a.showarrow]
    lengths = [np.hypot(a.x - a.ax, a.y - a.ay) for a in arrows]
    assert max(lengths) == pytest.approx(LONGEST, abs=1e-3)
    assert not [a for a in pulls_figure(panels, arrows=False).layout.annotations if a.showarrow]


def test_matrix_frames_every_group() -> None:
    figure = matrix_figure({"a": np.eye(6), "b": np.eye(6)}, groups=3)
    assert len(figure.layout.shapes) == 6
    assert (figure.layout.shapes[1].x0, figure.layout.shapes[1].x1) == (1.5, 3.5)
    named = matrix_figure({"": np.eye(6)}, groups=3, names=["x", "y", "z"])
    assert list(named.layout.xaxis.tickvals) == [0.5, 2.5, 4.5]


def test_shares_are_percent_with_their_intervals_and_chance() -> None:
    figure = shares_figure([Share("a", 0.5, 0.4, 0.7)], chance=0.25)
    bar = figure.data[0]
    assert list(bar.y) == [50]
    assert bar.error_y.array[0] == pytest.approx(20)
    assert bar.error_y.arrayminus[0] == pytest.approx(10)
    assert "25.0%" in figure.layout.annotations[0].text
    assert (list(figure.data[1].text), list(figure.data[1].y)) == (["<b>50%</b>"], [70])


def test_within_counts_places_up_to_k() -> None:
    figure = within_figure({"a": np.array([1, 3, 3, 4])}, choices=4)
    assert list(figure.data[0].y) == [25, 25, 75, 100]


def test_changes_name_both_ends() -> None:
    figure = change_figure([Change("x", 0.1, 0.4), Change("y", 0.3, 0.2)], names=("then", "now"))
    marks = {trace.name: list(trace.x) for trace in figure.data if trace.mode == "markers"}
    assert marks == {"then": [0.1, 0.3], "now": [0.4, 0.2]}


def test_curves_have_bands_only_for_repeats() -> None:
    band = over_seeds([1, 2], [[1.0, 2.0], [3.0, 4.0]])
    assert list(band.y) == [2, 3]
    assert list(band.low) == [1, 2]
    figure = curves_figure({"a": band, "b": Curve([1, 2], [0, 1])}, x="x", y="y")
    assert [trace.fill for trace in figure.data] == ["toself", None, None]


def test_spread_and_trade_keep_every_model() -> None:
    figure = spread_figure({"a": np.arange(10.0), "b": np.arange(5.0)}, axis="x")
    assert [sum(trace.y) for trace in figure.data] == [10, 5]
    points = {"start": (0.1, 0.2), "end": (0.3, 0.1)}
    assert [t.name for t in trade_figure(points, x="x", y="y", start="start").data] == list(points)


def test_names_of_a_crowd_cover_neither_each_other_nor_a_mark() -> None:
    crowd = np.random.default_rng(0).uniform(0.4, 0.6, size=(10, 2))
    points = np.concatenate([crowd, [[0, 0], [1, 1]]])
    names = [f"a rather long name {i}" for i in range(len(points))]
    middle = points * PLOT + label_places(names, points)
    half = np.array([LETTER * np.array([len(name) for name in names]) / 2, np.full(12, LINE / 2)]).T
    apart = np.abs(middle[:, None] - middle) - half[:, None] - half  # (12, 12, 2), below 0: covers
    assert (apart.max(axis=-1)[~np.eye(12, dtype=bool)] >= -0.2).all()
    to_marks = np.abs(middle[:, None] - points * PLOT) - half[:, None]
    assert (to_marks.max(axis=-1) >= 0).all()


def test_a_name_alone_stands_above_its_mark() -> None:
    right, up = label_places(["alone"], np.array([[0.3, 0.4]]))[0]
    assert right == 0 < up


def test_data_figures_count_pictures_and_groups() -> None:
    scenes = load_scenes()
    rings = taxonomy_figure(scenes).data[0]
    whole = sum(v for v, parent in zip(rings.values, rings.parents, strict=True) if not parent)
    assert whole == len(scenes)
    train = scenes.split("train")
    plan = GroupSampler(train, 8, 5, CaptionTable(train)).plan(0)
    assert sum(len(trace.x) for trace in plan_figure(train, plan).data) == 8 * len(plan)


def test_sheet_escapes_wraps_and_shortens_notes() -> None:
    scenes = load_scenes()
    figure = sheet_figure(scenes, [0, 1], ["*<b>x\n" + "word " * 60, "plain"])
    first, second = (annotation.text for annotation in figure.layout.annotations)
    assert first.startswith("<b>&lt;b&gt;x</b><br>word")
    assert first.count("<br>") == 4
    assert first.endswith(" word ...")
    assert sheet_figure(scenes, range(6), ["x"] * 6, columns=6).layout.width <= 960
    assert second == "plain"


def test_live_curves_keep_runs_apart() -> None:
    live = LiveCurves(measure="top1")
    for run in ("a", "b"):
        live.begin(run)
        live.on_step({"step": 1, "loss": 0.5})
        live.scores[run].append((0, 0.25))
    figure = live.figure()
    assert [trace.name for trace in figure.data] == ["a", "a", "b", "b"]
    assert list(figure.data[1].y) == [25]
    assert figure.layout.xaxis2.dtick == 1
    assert "concept top-1" in figure.layout.annotations[1].text


def test_a_figure_is_stored_as_json_with_its_title() -> None:
    stored = bundle(shares_figure([Share("a", 0.5, 0.4, 0.7)], title="Half"))
    assert stored["text/plain"] == "Half"
    assert stored[MIMETYPE]["data"][0]["type"] == "bar"
