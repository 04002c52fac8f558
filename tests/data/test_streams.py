"""Data sets of the hub, from parquet files in a folder: no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.magic_record import record_as_json
from glasskit.data.streams import stream_parts
from glasskit.errors import InputError
from tests.data.shard_toys import magic_folder


@pytest.fixture(scope="module", autouse=True)
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Before `datasets` is imported: no network, and caches of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        for name in ("HF_HOME", "GLASSKIT_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
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
        | {"image": {"bytes": data.images.read(record.key), "path": None}}
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


def test_parts_give_every_picture_as_it_was_stored_each_time(
    data: GroupedDataset, hub: str
) -> None:
    parts = stream_parts(hub)
    assert len({part.name for part in parts}) == len(parts) == 2
    for _ in range(2):
        rows = [row for part in parts for row in part.rows()]
        assert [row.key for row in rows] == [r.key for r in data.records]
        assert [row.data for row in rows] == [data.images.read(row.key) for row in rows]
        assert [row.caption for row in rows] == [r.captions[0] for r in data.records]


def test_a_stream_can_be_trained_on(data: GroupedDataset, hub: str) -> None:
    again = load_dataset(hub)
    assert again.records == data.records
    np.testing.assert_array_equal(again.image(3), data.image(3))


def test_a_folder_of_pictures_as_a_stream(data: GroupedDataset) -> None:
    (part,) = stream_parts(f"hf:{data.images.folder}")
    assert sorted(row.data for row in part.rows()) == sorted(
        data.images.read(record.key) for record in data.records
    )


def test_what_is_missing_is_said_in_one_line(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="could not be opened"):
        stream_parts("hf:/nowhere/at/all")
    with pytest.raises(InputError, match="write hf:OWNER/NAME"):
        stream_parts("hf:")
    with pytest.raises(InputError, match="could not be opened"):
        stream_parts(f"{hub}@nonsense")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r'datasets is missing; .* install "glasskit\[hub\]"'):
        stream_parts(hub)
