"""What travels to the browser, unpacked by other means than it was packed, and examples by rule."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from glasskit.errors import InputError
from glasskit_app import map_data
from glasskit_app.dataset_maps import DatasetMaps
from glasskit_app.examples import teaching
from tests.benchmarks.many import made_up

N = 3000


@pytest.fixture(scope="module")
def shown() -> DatasetMaps:
    return made_up(N)


def unpacked(body: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    body = gzip.decompress(body)
    length = int.from_bytes(body[:4], "little")
    header, start, arrays = json.loads(body[4 : 4 + length]), 4 + length, {}
    assert start % 8 == 0
    for name, told in header["arrays"].items():
        assert told["offset"] % 8 == 0
        kind = np.dtype(told["type"])
        arrays[name] = np.frombuffer(body, kind, told["count"], start + told["offset"])
    return header, arrays


def test_places_arrive_within_half_a_step(shown: DatasetMaps) -> None:
    header, arrays = unpacked(shown.map_file)
    step = header["reach"] / map_data.STEPS
    assert header["reach"] * 600 / map_data.STEPS < 0.05  # pixels on a panel of 600
    for side in ("before", "after"):
        for kind in ("picture", "caption", "concept"):
            sent = arrays[f"{side}.{kind}"].reshape(-1, 2) * step
            exact = getattr(shown.projection(side), kind)
            assert np.abs(sent - exact).max() <= 0.51 * step  # float32 adds a little


def test_ranks_and_nearest_concepts_arrive(shown: DatasetMaps) -> None:
    header, arrays = unpacked(shown.map_file)
    own = shown.dataset.targets(1)
    assert arrays["concept"].tolist() == own.tolist()
    splits = [header["splits"][s] for s in arrays["split"]]
    assert splits == [record.split for record in shown.dataset.records]
    for side in ("before", "after"):
        seen = shown.projection(side).embedding
        for i in range(0, N, 97):
            scores = [float(seen.picture[i] @ word) for word in seen.concept]
            better = sum(s >= scores[own[i]] - 1e-6 for s in scores)
            assert arrays[f"{side}.rank"][i] == better
            assert arrays[f"{side}.top"][i] == int(np.argmax(scores))


def test_texts_arrive_in_order(shown: DatasetMaps) -> None:
    texts = json.loads(gzip.decompress(shown.texts_file))
    assert texts["key"] == [record.key for record in shown.dataset.records]
    assert texts["caption"] == [record.captions[0] for record in shown.dataset.records]


def test_programs_get_the_same_numbers(shown: DatasetMaps) -> None:
    _, arrays = unpacked(shown.map_file)
    answer = map_data.map_answer(shown)
    assert json.loads(json.dumps(answer)) == answer
    for side in ("before", "after"):
        assert answer["views"][side]["rank"] == arrays[f"{side}.rank"].tolist()
        exact = getattr(shown, side).picture.ravel()
        assert np.allclose(answer["views"][side]["picture"], exact, atol=6e-5)


@pytest.mark.parametrize("index", [0, 1234, N - 1])
def test_near_pictures(shown: DatasetMaps, index: int) -> None:
    answer = map_data.near(shown, index)
    for side in ("before", "after"):
        pictures = shown.projection(side).embedding.picture
        scores = pictures @ pictures[index]
        scores[index] = -2
        assert set(answer[side]) == set(np.argpartition(-scores, map_data.TIES)[: map_data.TIES])


def test_near_to_what_is_not_there(shown: DatasetMaps) -> None:
    with pytest.raises(InputError, match="there are 3000"):
        map_data.near(shown, N)


def test_nothing_holds_every_pair() -> None:
    many = made_up(20_000)  # 1.6 GB as float32 pairs
    tracemalloc.start()
    body = many.map_file
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(body) < 1_000_000
    assert peak < 60e6


def test_first_examples_teach_and_failures_come_last(shown: DatasetMaps) -> None:
    examples = teaching(shown)
    kinds = [example.kind for example in examples]
    assert len(examples) == 12
    assert kinds[0] == "learned"
    assert kinds == sorted(kinds, key=["learned", "known", "lost", "missed"].index)
    records = [shown.dataset.records[example.index] for example in examples]
    assert {record.split for record in records} == {"test"}
    assert len({record.concept for record in records}) == len(records)
    for index, kind in examples:
        was = shown.recognised("before").rank[index] == 1
        now = shown.recognised("after").rank[index] == 1
        assert {"learned": (0, 1), "known": (1, 1), "lost": (1, 0), "missed": (0, 0)}[kind] == (
            was,
            now,
        )


def test_clearest_example_first(shown: DatasetMaps) -> None:
    seen, own = shown.after.embedding, shown.dataset.targets(1)

    def ahead(i: int) -> float:
        scores = seen.picture[i] @ seen.concept.T
        return float(scores[own[i]] - np.delete(scores, own[i]).max())

    was, now = (shown.recognised(side).rank == 1 for side in ("before", "after"))
    unseen = [i for i, r in enumerate(shown.dataset.records) if r.split == "test"]
    learned = [i for i in unseen if now[i] and not was[i]]
    assert teaching(shown)[0].index == max(learned, key=ahead)


def test_a_model_that_learned_nothing_has_examples_too(shown: DatasetMaps) -> None:
    same = replace(shown, after=shown.before)
    kinds = [example.kind for example in teaching(same)]
    assert len(kinds) == 12
    assert "learned" not in kinds
