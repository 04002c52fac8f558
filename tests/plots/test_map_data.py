"""What the map is drawn from, against plain loops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasskit.errors import InputError
from glasskit.plots import map_data
from glasskit_app.state import DatasetMaps
from tests.app.toys import made_up
from tests.plots.toys import map_page

N = 400


@pytest.fixture(scope="module")
def shown() -> DatasetMaps:
    return made_up(N)


def test_places_ranks_and_nearest_concepts(shown: DatasetMaps) -> None:
    data, own = shown.map, shown.dataset.targets(1)
    assert json.loads(json.dumps(data)) == data
    assert data["labels"] == own[:, None].tolist()
    for side in ("before", "after"):
        view, projection = data["views"][side], shown.projection(side)
        seen = projection.embedding
        for kind in ("picture", "caption", "concept"):
            sent = np.array(view[kind]).reshape(-1, 2)
            assert np.allclose(sent, getattr(projection, kind), atol=6e-5)
        for i in range(0, N, 7):
            scores = [float(seen.picture[i] @ word) for word in seen.concept]
            assert view["rank"][i] == sum(s >= scores[own[i]] - 1e-7 for s in scores)
            assert view["top"][i] == int(np.argmax(scores))
            alike = seen.picture @ seen.picture[i]
            alike[i] = -2
            assert set(view["near"][i]) == set(np.argsort(-alike)[: map_data.NEIGHBOURS])


def test_every_colouring_says_what_each_picture_is(shown: DatasetMaps) -> None:
    found = {
        key: [one["labels"][i] for i in one["of"]] for key, one in shown.map["colourings"].items()
    }
    assert list(found) == ["level4", "level3", "level2", "level1", "correct", "split"]
    assert found["level1"] == [record.concept for record in shown.dataset.records]
    assert found["level4"] == [f"world {i // 12}" for i in shown.dataset.targets(1)]
    ranks = (shown.map["views"][side]["rank"] for side in map_data.SIDES)
    for was, now, label in zip(*ranks, found["correct"], strict=True):
        assert label == map_data.RECOGNISED[was == 1, now == 1][0]
    names = [map_data.SPLIT_NAMES[record.split] for record in shown.dataset.records]
    assert found["split"] == names


def test_too_many_pictures_are_refused(shown: DatasetMaps, monkeypatch) -> None:
    monkeypatch.setattr(map_data, "MAX_PICTURES", N - 1)
    with pytest.raises(InputError, match="400 pictures are more than the 399"):
        map_data.map_data(shown.dataset, shown.before, shown.after)


@pytest.fixture(scope="module")
def several(shown: DatasetMaps) -> DatasetMaps:
    """Two labels a picture; what it is made of is never the strongest."""
    names = shown.dataset.labels(1)
    records = tuple(
        replace(record, labels=(names[(own + 30) % 60], names[own]))
        for record, own in zip(shown.dataset.records, shown.dataset.targets(1), strict=True)
    )
    data = replace(shown.dataset, records=records)
    models = tuple(
        one._replace(
            projection=map_data.Projection.of(
                data, one.projection.embedding, one.projection.picture
            )
        )
        for one in shown.models
    )
    return replace(shown, dataset=data, models=models)


def test_several_labels_are_all_told_and_the_nearest_of_them_counts(several: DatasetMaps) -> None:
    found = several.map
    assert found["labels"] == [
        [several.dataset.labels(1).index(name) for name in record.labels]
        for record in several.dataset.records
    ]
    world = found["colourings"]["level4"]
    assert [world["labels"][i] for i in world["home"]] == [f"world {i // 12}" for i in range(60)]
    unseen = [i for i, record in enumerate(several.dataset.records) if record.split == "test"]
    counts = []
    for side in map_data.SIDES:
        seen = several.projection(side).embedding
        tops = (seen.picture @ seen.concept.T).argmax(axis=1)
        right = [top in own for top, own in zip(tops, found["labels"], strict=True)]
        assert [rank == 1 for rank in found["views"][side]["rank"]] == right
        counts.append(sum(right[i] for i in unseen))
    assert found["story"].startswith("Each picture carries 2 of 60 ideas. ")
    assert f"own for {counts[0]} before training and for {counts[1]} after" in found["story"]


@pytest.mark.browser
def test_every_picture_that_carries_a_label_stands_out(
    chromium, several: DatasetMaps, tmp_path: Path
) -> None:
    name, world = several.dataset.labels(1)[47], "world 3"
    tab = chromium.new_page(viewport={"width": 1000, "height": 800})
    tab.goto(map_page(tmp_path / "map.html", several.map).as_uri())
    tab.wait_for_selector(".gk-map[data-ready=many]")
    assert not tab.is_visible(".gk-find"), "five worlds need no search"
    clear = """() => { const map = document.querySelector(".gk-map").glassMap;
      return map.evenly.filter((i) => !map.isFaint(i)).sort((a, b) => a - b); }"""

    def carrying(labels: set[str]) -> list[int]:
        rows = enumerate(several.dataset.records)
        return [i for i, record in rows if labels & set(record.labels)]

    tab.click(f".gk-legend button:has-text('{world}')")
    held = {c.name for c in several.dataset.concepts if c.levels[3] == world}
    assert tab.evaluate(clear) == carrying(held)
    tab.select_option(".gk-colour", "level1")
    tab.fill(".gk-find", "47")
    assert tab.locator(".gk-legend button").count() == 1
    tab.press(".gk-find", "Enter")
    assert tab.evaluate(clear) == carrying({name})
    assert tab.inner_text(".gk-legend button").split() == [
        *name.split(),
        str(len(carrying({name}))),
    ]
    tab.focus(".gk-after canvas")
    tab.keyboard.press("ArrowRight")
    card = tab.inner_text(".gk-card:not([hidden])")
    index = tab.evaluate("document.querySelector('.gk-map').glassMap.hovered")
    assert all(label in card for label in several.dataset.records[index].labels)
    tab.close()
