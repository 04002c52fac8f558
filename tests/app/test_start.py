"""`glasskit app` in a process of its own: a first start builds nothing, any moment ends it at once,
and what can't be is told before anything is loaded."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import httpx
import psutil
import pytest

from tests import serving
from tests.benchmarks.soak import train
from tests.serving import free_port

pytestmark = pytest.mark.slow

AT_ONCE = 15
"""Seconds within which the app must be gone, on a machine that does much else."""

COMMAND = str(Path(sys.executable).with_name("glasskit"))


class Started:
    """An app in a folder whose app.py, gradio.py and others raise; ``code`` is run instead of the
    command, with ``PORT`` in place of the port."""

    def __init__(self, folder: Path, code: str = "") -> None:
        (folder / "own").mkdir(exist_ok=True)
        for name in ("app", "gradio", "glasskit_app", "torch", "umap"):
            (folder / "own" / f"{name}.py").write_text("raise RuntimeError('not yours')")
        port = free_port()
        self.address, self.log = f"http://127.0.0.1:{port}", folder / "log.txt"
        command = [COMMAND, "app", "--port", str(port)]
        if code:
            command = [sys.executable, "-P", "-c", code.replace("PORT", str(port))]
        env = os.environ | {"GLASSKIT_CACHE": str(folder / "cache")}
        self.process = serving.start(command, self.log, cwd=folder / "own", env=env)

    def end(self, number: signal.Signals) -> None:
        """Send a signal: it and its children must be gone soon, without a traceback."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        try:
            code = self.process.wait(AT_ONCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"still there {AT_ONCE} s after {number.name}; {self.log.read_text()}")
        assert code in (-number, 128 + number)
        left = psutil.wait_procs(children, timeout=1)[1]
        # What has ended but is not yet reaped by the machine's first process is gone.
        assert not [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        assert "Traceback" not in self.log.read_text()


def test_ends_at_once_while_it_gets_ready(tmp_path: Path) -> None:
    app = Started(tmp_path)
    time.sleep(8)
    app.end(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_while_an_own_data_set_is_built(
    number: signal.Signals, pictograms: Path, tmp_path: Path
) -> None:
    settings = f"datasets=({str(pictograms)!r},), recipe={{'epochs': 5000}}"
    app = Started(tmp_path, f"from glasskit_app import launch; launch(PORT, {settings})")
    while not list((tmp_path / "cache").glob("app/*/*.part/log.jsonl")):
        assert app.process.poll() is None, app.log.read_text()
        time.sleep(0.2)
    with pytest.raises(OSError, match="refused"):
        urlopen(app.address, timeout=AT_ONCE)
    app.end(number)


def test_ends_while_a_run_trains_a_report_is_made_and_a_file_comes_in(tmp_path: Path) -> None:
    app = Started(tmp_path)
    serving.wait(app.process, app.address, app.log)
    train(app.address, 2)
    found = httpx.get(f"{app.address}/config").json()["dependencies"]
    made = next(one["id"] for one in found if one["api_name"] == "made")
    asked = {"fn_index": made, "session_hash": "report", "data": ["coco-ideas", []]}
    httpx.post(f"{app.address}/gradio_api/queue/join", json=asked).raise_for_status()
    host, port = app.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as upload:
        head = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999"
        start = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        to = "/gradio_api/upload"
        upload.sendall(f"POST {to} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n\r\n{start}".encode())
        while not list((tmp_path / "cache").glob("app-runs/*/*/log.jsonl")):
            assert app.process.poll() is None, app.log.read_text()
            time.sleep(0.2)
        app.end(signal.SIGTERM)


def test_a_first_start_builds_nothing_and_the_next_one_works_too(tmp_path: Path) -> None:
    """Each ends at once while a page is open that holds a stream."""
    for number in (signal.SIGTERM, signal.SIGINT):
        app = Started(tmp_path)
        serving.wait(app.process, app.address, app.log)
        assert serving.answers(f"{app.address}/kit/map/scenes.json")
        with urlopen(f"{app.address}/gradio_api/heartbeat/test", timeout=AT_ONCE):
            app.end(number)
        built = {p.parent.name for p in (tmp_path / "cache").rglob("*") if p.is_file()}
        assert built <= {"towers"}, "only the image tower's own form is kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "no/such"], "no/such: no such folder of pictures"),
        (["--dataset", "no-such"], "no-such"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:7860: Cannot assign"),
        (["--root-path", "/a b"], "root path"),
        ([], "can't be written"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_loaded(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    cache = tmp_path / "cache"
    if not arguments:
        cache.write_text("in the way")
    if "--host" not in arguments:
        arguments = [*arguments, "--port", str(free_port())]
    monkeypatch.setenv("GLASSKIT_CACHE", str(cache))
    assert message in refused("app", *arguments)  # no line of models that are loaded
