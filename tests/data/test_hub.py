"""Streaming data sets of the hub, from parquet files in a folder: no network."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from glasskit.analysis.stream_export import embed_stream
from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.hub import HubStream
from glasskit.data.magic_record import record_as_json
from glasskit.errors import InputError
from tests.data.shard_toys import magic_folder
from tests.data.shard_workers import embed, launch
from tests.training.toys import toy_model
from tests.training.workers import finish


@pytest.fixture(scope="module", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Before `datasets` is imported: no network, and a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> GroupedDataset:
    return magic_folder(tmp_path_factory.mktemp("magic"))


@pytest.fixture(scope="module")
def hub(data: GroupedDataset, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The data set as two parquet files with an Image column, as one would upload it."""
    from datasets import Dataset, Features, Image, List, Value

    folder = tmp_path_factory.mktemp("hub")
    rows = [
        record_as_json(record, data.by_name[record.concept])
        | {"concept": record.concept, "split": record.split, "key": record.key}
        | {"image": {"bytes": data.images.read(record.key)[0], "path": None}}
        for record in data.records
    ]
    texts = ("key", "concept", "split", "level1", "level2", "negation")
    features = Features(
        {"image": Image()}
        | {name: List(Value("string")) for name in ("old_captions", "new_captions", "also")}
        | {name: Value("string") for name in texts}
    )
    for part in range(2):
        columns = {n: [row.get(n) for row in rows[33 * part :][:33]] for n in features}
        Dataset.from_dict(columns, features=features).to_parquet(folder / f"train-{part}.parquet")
    return f"hf:{folder}"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))


def test_a_stream_gives_every_picture_as_it_was_stored(data: GroupedDataset, hub: str) -> None:
    samples = [placed.sample for placed in HubStream(hub).samples()]
    assert [s.key for s in samples] == [r.key for r in data.records]
    assert [(s.data, s.ending) for s in samples] == [data.images.read(s.key) for s in samples]
    assert [s.caption for s in samples] == [r.captions[0] for r in data.records]


def test_a_stream_goes_on_where_its_state_was_taken(hub: str) -> None:
    whole = list(HubStream(hub).samples(every=8))
    assert [bool(placed.state) for placed in whole[:9]] == [False] * 7 + [True, False]
    state = json.loads(json.dumps(whole[39].state))
    rest = [placed.sample.key for placed in HubStream(hub).samples(state)]
    assert rest == [placed.sample.key for placed in whole[40:]]
    assert rest == [placed.sample.key for placed in HubStream(hub).samples(skip=40)]


@pytest.mark.parametrize("world", [2, 3])
def test_every_picture_goes_to_one_process(hub: str, world: int) -> None:
    shares = [
        [placed.sample.key for placed in HubStream(hub, rank, world).samples()]
        for rank in range(world)
    ]
    keys = [key for share in shares for key in share]
    assert sorted(keys) == sorted(placed.sample.key for placed in HubStream(hub).samples())


def test_a_stream_can_be_trained_on(data: GroupedDataset, hub: str) -> None:
    again = load_dataset(hub)
    assert again.records == data.records
    np.testing.assert_array_equal(again.image(3), data.image(3))


def test_processes_embed_a_stream_and_go_on_after_kills(hub: str, tmp_path: Path) -> None:
    embed_stream(toy_model(), hub, tmp_path / "one", dtype="float32")
    for process in launch(2, embed, hub, tmp_path / "two", 5):
        process.join(60)
        assert process.exitcode == -9
    finish(*launch(2, embed, hub, tmp_path / "two"))
    found = []
    for name in ("one", "two"):
        rows = load_file(tmp_path / name / "vectors.safetensors")["pictures"]
        keys = [
            e["key"] for e in json.loads((tmp_path / name / "index.json").read_text())["pictures"]
        ]
        assert len(set(keys)) == 66
        found.append(rows[np.argsort(keys)])
    np.testing.assert_allclose(*found, atol=1e-6, rtol=0)


def test_what_is_missing_is_said_in_one_line(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="could not be opened"):
        load_dataset("hf:/nowhere/at/all")
    with pytest.raises(InputError, match="write hf:OWNER/NAME"):
        load_dataset("hf:")
    with pytest.raises(InputError, match="could not be opened"):
        load_dataset(f"{hub}@nonsense")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'datasets is missing; pip install "glasskit\[hub\]"'):
        load_dataset(hub)
