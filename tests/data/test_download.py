"""Fetching photographs: failures, truncation, resume, no network; the default folder."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data.coco.download import (
    default_folder,
    download,
    file_name,
    photograph_ids,
)
from glasskit.errors import InputError
from tests.web_stand_in import Answer, Asked, serve

KEYS = ["139", "776", "785", "802", "1490", "1503"]


def _jpeg(grey: int) -> bytes:
    data = io.BytesIO()
    noise = Image.effect_noise((64, 48), 40).point(lambda value: (value + grey) % 256)
    noise.convert("RGB").save(data, "JPEG")
    return data.getvalue()


PICTURES = {f"/{file_name(key)}": _jpeg(int(key) % 256) for key in KEYS}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return


def _good(asked: Asked) -> Answer:
    return Answer(PICTURES[asked.path])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_file_comes_whole_and_a_second_run_fetches_only_what_is_missing_or_broken(
    tmp_path: Path,
) -> None:
    seen: list[tuple[int, int]] = []
    with serve(_good) as server:
        done = download(
            tmp_path / "new",
            address=server.address + "/",
            keys=KEYS,
            progress=lambda *args: seen.append(args),
        )
    assert (done.new, done.there) == (6, 0)
    assert seen == [(i, 6) for i in range(1, 7)]
    for path, data in PICTURES.items():
        assert (done.folder / path[1:]).read_bytes() == data
    assert len(_names(done.folder)) == 6, "no temporary file is left"

    broken, gone = (done.folder / file_name(key) for key in (KEYS[2], KEYS[4]))
    broken.write_bytes(broken.read_bytes()[:-400])
    gone.unlink()
    with serve(_good) as server:
        done = download(done.folder, address=server.address, keys=KEYS)
        assert {asked.path for asked in server.asked} == {f"/{broken.name}", f"/{gone.name}"}
    assert (done.new, done.there) == (2, 4)
    assert broken.read_bytes() == PICTURES[f"/{broken.name}"]


def test_a_failure_that_passes_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    pauses: list[float] = []

    def answer(asked: Asked) -> Answer:
        whole = _good(asked)
        return Answer(whole.body[:-300]) if len(server.asked) <= 2 else whole

    with serve(answer) as server:
        download(tmp_path, address=server.address, keys=KEYS[:1], pause=pauses.append)
        assert len(server.asked) == 3
    assert pauses == [1.0, 2.0]
    assert (tmp_path / file_name(KEYS[0])).read_bytes() == PICTURES[f"/{file_name(KEYS[0])}"]


def test_files_that_fail_are_named_and_the_others_are_kept(tmp_path: Path) -> None:
    gone = f"/{file_name(KEYS[1])}"

    def answer(asked: Asked) -> Answer:
        return Answer(b"no", 404) if asked.path == gone else _good(asked)

    with (
        serve(answer) as server,
        pytest.raises(InputError, match=r"1 of 6 photographs did not come, the first .*HTTP 404"),
    ):
        download(tmp_path, address=server.address, keys=KEYS, pause=lambda _: None)
    assert server.times(gone) == 1, "what is not there is not asked for again"
    assert len(_names(tmp_path)) == 5


def test_no_network_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=r"does not answer .* is there a network\? 0 of 6") as said:
        download(tmp_path, address=f"http://127.0.0.1:{port}", keys=KEYS, pause=lambda _: None)
    assert "\n" not in str(said.value)


def test_the_list_has_the_thousand_photographs() -> None:
    ids = photograph_ids()
    assert len(set(ids)) == 1000
    assert {record.key for record in load_dataset("coco-concepts").records} < set(ids)


def test_the_data_set_finds_the_default_folder_once_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    empty = load_dataset("coco-concepts")
    with pytest.raises(InputError, match="--download"):
        empty.image(0)
    folder = default_folder()
    folder.mkdir(parents=True)
    for record in empty.records[1:]:
        (folder / file_name(record.key)).write_bytes(PICTURES[f"/{file_name(KEYS[0])}"])
    with pytest.raises(InputError, match=r": 1 of 750 are not in .*--download"):
        load_dataset("coco-concepts").image(1)
    (folder / file_name(empty.records[0].key)).write_bytes(PICTURES[f"/{file_name(KEYS[0])}"])
    complete = load_dataset("coco-concepts")
    assert complete.image(0).size == (64, 48)
    assert complete.features == empty.features
