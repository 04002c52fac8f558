"""Fetching photographs: servers that misbehave, stop, kill and resume, no network; the folder."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

from glasskit.data import load_dataset
from glasskit.data.coco.download import (
    default_folder,
    download,
    file_name,
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
def _no_proxy_and_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("glasskit.io.web.PAUSES", (0.0, 0.0))


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


def _page(asked: Asked) -> Answer:
    return Answer(b"<!doctype html>log in", headers={"Content-Type": "image/jpeg"})


def _too_short(asked: Asked) -> Answer:
    body = PICTURES[asked.path]
    return Answer(body, length=len(body) - 2)  # a reader would show what is there


def _other_format(asked: Asked) -> Answer:
    data = io.BytesIO()
    Image.new("RGB", (64, 48)).save(data, "PNG")
    return Answer(data.getvalue())


@pytest.mark.parametrize("bad", [_page, _too_short, _other_format])
def test_what_is_no_whole_photograph_is_asked_for_again_and_never_kept(
    bad: Callable[[Asked], Answer], tmp_path: Path
) -> None:
    broken = {f"/{file_name(key)}" for key in KEYS[:2]}

    def answer(asked: Asked) -> Answer:
        first = server.times(asked.path) == 1
        return bad(asked) if asked.path in broken and first else _good(asked)

    with serve(answer) as server:
        assert download(tmp_path, address=server.address, keys=KEYS).new == 6
        assert len(server.asked) == 8
    with (
        serve(bad) as server,
        pytest.raises(InputError, match=r"6 of 6 photographs did not come, such as .*; 0 of 6 "),
    ):
        download(tmp_path / "other", address=server.address, keys=KEYS)
    assert not (tmp_path / "other").exists()
    assert {(tmp_path / path[1:]).read_bytes() for path in PICTURES} == set(PICTURES.values())


def test_a_server_that_sends_pages_only_is_not_asked_for_every_file(tmp_path: Path) -> None:
    with serve(_page) as server, pytest.raises(InputError, match=r"1000 of 1000 .* did not come"):
        download(tmp_path, address=server.address)
    assert len({asked.path for asked in server.asked}) < 20


def test_files_that_fail_are_named_and_the_others_are_kept(tmp_path: Path) -> None:
    gone = {f"/{file_name(key)}" for key in KEYS[:5]}

    def answer(asked: Asked) -> Answer:
        return Answer(b"no", 404) if asked.path in gone else _good(asked)

    with (
        serve(answer) as server,
        pytest.raises(InputError, match=r"5 of 6 .* did not come, .*HTTP 404\); 1 of 6 "),
    ):
        download(tmp_path, address=server.address, keys=KEYS)
    assert len(server.asked) == 6, "what is not there is not asked for again"
    assert len(_names(tmp_path)) == 1


def test_what_a_killed_process_had_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    go_on, killed = Event(), Event()

    def answer(asked: Asked) -> Answer:
        if len(_names(tmp_path)) >= 2 and not killed.is_set():
            go_on.set()
            killed.wait(60)
        return _good(asked)

    with serve(answer) as server:
        code = (
            "from pathlib import Path; from glasskit.data.coco.download import download; "
            f"download(Path({str(tmp_path)!r}), address={server.address!r}, keys={KEYS!r})"
        )
        process = subprocess.Popen([sys.executable, "-c", code])
        assert go_on.wait(60)
        process.kill()
        process.wait()
        killed.set()
        there = len([name for name in _names(tmp_path) if not name.startswith(".")])
        done = download(tmp_path, address=server.address, keys=KEYS)
    assert (done.there, done.new) == (there, 6 - there)
    assert there >= 2
    assert len(_names(tmp_path)) == 6, "what was half written is removed"


def test_no_network_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=r"does not answer .* is there a network\? 0 of 6") as said:
        download(tmp_path, address=f"http://127.0.0.1:{port}", keys=KEYS)
    assert "\n" not in str(said.value)


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
