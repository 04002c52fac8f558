"""The map as a notebook has it: the kernel's answers, and the script with a stand-in model."""

from __future__ import annotations

import io
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from glasskit.data.own_vectors import read_vectors
from glasskit.errors import InputError
from glasskit.plots import map_widget
from glasskit.plots.map_sources import Shown
from glasskit.plots.widget import NEAR, MapWidget
from glasskit_app.state import DatasetMaps
from tests.app.toys import made_up, painted
from tests.plots.toys import draw_lasso

N = 60
RIGHT_HALF = [[0, -9], [9, -9], [9, 9], [0, 9]]
VECTORS = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
TEXTS = [f"text {i}" for i in range(12)]


def widget_of(maps: DatasetMaps) -> MapWidget:
    """The widget of a data set of the app's tests."""
    models = [maps.models[0], maps.models[-1]]
    projections, probes = (tuple(one[i] for one in models) for i in (2, 3))
    return MapWidget(Shown(maps.dataset, ("left", "right"), projections, probes))


def ask(widget: MapWidget, question: str, *given: Any) -> Any:
    """What the kernel answers."""
    sent: list[dict] = []
    widget.send = sent.append
    widget._answer(None, {"number": "a-1", "question": question, "given": given}, [])
    assert sent[0]["number"] == "a-1"
    return sent[0]["answer"]


def test_a_lasso_becomes_a_table() -> None:
    maps = made_up(N)
    widget = widget_of(maps)
    assert widget.selected.empty
    answer = ask(widget, "lasso", "before", RIGHT_HALF)
    expected = np.flatnonzero(maps.before.picture[:, 0] > 0).tolist()
    assert answer["rows"] == widget.selected.index.to_list() == expected
    assert list(widget.selected) == ["id", "file", "captions", "labels"]
    first, record = widget.selected.iloc[0], maps.dataset.records[expected[0]]
    assert first.to_list() == [record.key, "", list(record.captions), list(record.labels)]
    with pytest.raises(InputError, match="no picture 60; there are 60"):
        widget.rows = [N]


def test_a_phrase_finds_the_nearest_by_each_model() -> None:
    maps = made_up(N)
    answer = ask(widget_of(maps), "search", "concept 7")
    for side in ("before", "after"):
        seen = maps.projection(side).embedding
        order = np.argsort(-(seen.picture @ seen.concept[7]), kind="stable")
        assert answer["near"][side] == order[:NEAR].tolist()
        assert answer[side][order[0]] == 255
        assert answer[side][order[-1]] == 0


def test_a_still_picture_stands_where_no_kernel_runs(tmp_path: Path) -> None:
    widget = widget_of(painted(tmp_path, 5))
    shown, _ = widget._repr_mimebundle_()
    drawn = Image.open(io.BytesIO(b64decode(shown["image/png"]))).convert("RGB")
    places = np.argwhere((np.asarray(drawn) != np.asarray(drawn)[0, 0]).any(axis=2))
    assert (np.ptp(places, axis=0) > np.array(drawn.size[::-1]) / 2).all(), "both maps are drawn"
    assert shown["text/plain"].startswith("Map of 5 pictures.")
    (tmp_path / "pictures" / "p3.png").unlink()
    assert "no picture" in ask(widget, "picture", 3, True)["error"]
    widget._repr_mimebundle_()  # the others are drawn


def test_vectors_of_ones_own(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", VECTORS)
    labels = [None, ["a", "b"], *["b"] * 10]
    widget = map_widget(tmp_path / "mine.npy", captions=TEXTS, labels=labels)
    assert widget.questions == ["lasso"], "no model reads a phrase"
    assert list(widget.data["views"]) == ["after"]
    assert widget.data["concepts"] == ["a", "b"]
    assert widget.data["labels"] == [[], [0, 1], *[[1]] * 10]
    assert widget.data["views"]["after"]["rank"] == [], "nothing is said to be recognised"
    widget.rows = [0, 1]
    assert widget.selected.labels.to_list() == [[], ["a", "b"]]
    both = map_widget({"one": VECTORS, "other": VECTORS[:, ::-1]}, captions=TEXTS)
    assert both.data["sides"] == {"before": "one", "after": "other"}
    assert both.data["colourings"].keys() == {"none"}


def test_a_parquet_file_brings_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "mine.parquet"
    names = [f"{i}.jpg" for i in range(12)]
    table = {"vec": list(VECTORS), "title": TEXTS, "file": names, "label": [["a"]] * 12}
    pq.write_table(pa.table(table), file)
    dataset, vectors = read_vectors(file, captions="title", images=tmp_path)
    assert (vectors == VECTORS).all()
    assert [record.captions for record in dataset.records] == [(text,) for text in TEXTS]
    assert [record.key for record in dataset.records] == names
    assert {record.labels for record in dataset.records} == {("a",)}


def test_what_does_not_belong_together_is_named(tmp_path: Path, monkeypatch) -> None:
    np.save(tmp_path / "flat.npy", VECTORS[0])
    pq.write_table(pa.table({"title": TEXTS}), tmp_path / "bare.parquet")
    for source, given, line in (
        (VECTORS, {"captions": TEXTS[:3]}, "3 captions for 12 vectors"),
        (VECTORS, {"captions": "title"}, "only a Parquet file has columns"),
        (VECTORS, {"files": ["same.jpg"] * 12}, "a file stands for several vectors"),
        (VECTORS, {"models": "lite0-minilm"}, "384 numbers and these have 8"),
        (tmp_path / "flat.npy", {}, "is not one vector of numbers a picture"),
        (tmp_path / "none.npy", {}, "not a .npy file"),
        (tmp_path / "bare.parquet", {}, "one column of lists of numbers.* it has title"),
        ({"a": VECTORS, "b": VECTORS[:5]}, {}, "of the same pictures"),
        ("scenes", {"captions": TEXTS}, "brings its own captions"),
        ("scenes", {"models": ["a", "b", "c"]}, "3 models; give one, or two"),
    ):
        with pytest.raises(InputError, match=line):
            map_widget(source, **given)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(InputError, match=r'anywidget is missing; .*"glasskit\[notebooks\]"'):
        map_widget(VECTORS)


STAND_IN = """async ([script, state]) => {
  const file = new Blob([script], { type: "text/javascript" });
  const { default: { render } } = await import(URL.createObjectURL(file));
  const heard = {}, tell = (event, given) => heard[event]?.forEach((done) => done(given));
  window.state = state;
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; tell(`change:${name}`); },
    save_changes: () => {},
    on: (event, done) => (heard[event] ??= []).push(done),
    off: (event, done) => { heard[event] = heard[event].filter((other) => other !== done); },
    send: async (asked) => {
      const answer = await window.kernel(asked.question, asked.given);
      if (answer.rows) model.set("rows", answer.rows);
      tell("msg:custom", { number: asked.number, answer });
    },
  };
  window.leave = render({ model, el: document.querySelector("main") });
}"""


@pytest.mark.browser
def test_the_script_asks_the_kernel(chromium, tmp_path: Path) -> None:
    maps = painted(tmp_path, 5)
    widget = widget_of(maps)
    tab = chromium.new_page(viewport={"width": 1200, "height": 900})
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.expose_function("kernel", lambda question, given: ask(widget, question, *given))
    tab.set_content("<body data-vscode-theme-kind='vscode-dark'><main></main>")
    tab.add_style_tag(content=widget._css)
    state = {"data": widget.data, "questions": widget.questions, "rows": []}
    tab.evaluate(STAND_IN, [widget._esm, state])
    tab.wait_for_selector(".gk-map[data-ready=painted]")
    map_ = "document.querySelector('.gk-map').glassMap"
    tab.wait_for_function(f"{map_}.panels.after.boxes.length")
    assert tab.evaluate(f"{map_}.ink.paper") == "#17181b", "as dark as the editor"
    assert not tab.is_visible(".gk-table"), "nobody could answer"

    tab.focus(".gk-after canvas")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector(".gk-card:not([hidden]) img[src^='data:image/webp']")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".gk-detail .gk-gallery img[src^='data:image/webp']")

    draw_lasso(tab, "before", 1, 0.5)
    expected = np.flatnonzero(maps.before.picture[:, 1] > 0).tolist()
    assert 0 < len(expected) < 5
    assert tab.evaluate("state.rows") == widget.rows == expected
    assert tab.evaluate(f"[...{map_}.selection]") == expected

    tab.fill(".gk-search input", "joy")
    tab.press(".gk-search input", "Enter")
    tab.wait_for_selector(".gk-detail h3:has-text('joy')")
    assert tab.evaluate("state.rows") == [], "what is selected is what stands out"
    tab.close()
    assert not errors, errors
