"""A first start on an empty cache: it builds nothing, always answers, and ends when it is told to.

GLASSKIT_TEST_STARTS says how many starts are ended by SIGTERM; 3 unless it is set.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from tests.app.conftest import free_port

pytestmark = pytest.mark.slow

STARTS = int(os.environ.get("GLASSKIT_TEST_STARTS", "3"))
ANSWER = 5
"""Seconds within which a page that is asked for must come, and the app must be gone."""

LOADING, SERVING = 15, 5
"""Seconds within which a signal comes: of a start, or after its first page."""


class Started:
    """`glasskit app` in a process of its own, in a folder with an app.py and a gradio.py that
    raise.

    Args:
        folder: where it is started.
        cache: the cache folder.
        code: what is run instead, by ``python -P -c``, with ``PORT`` in place of the port.
    """

    def __init__(self, folder: Path, cache: Path, code: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("app", "gradio", "glasskit_app", "torch", "umap"):
            (folder / f"{name}.py").write_text("raise RuntimeError('not yours')")
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        self.log = folder / "log.txt"
        environment = {k: v for k, v in os.environ.items() if k != "CI"}
        command = [str(Path(sys.executable).with_name("glasskit")), "app", "--port", str(port)]
        if code:
            command = [sys.executable, "-P", "-c", code.replace("PORT", str(port))]
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment | {"GLASSKIT_CACHE": str(cache)},
                stdout=output,
                stderr=output,
            )
        self.began = time.monotonic()
        self.pages = 0

    def ask(self, path: str = "") -> bool:
        """Ask for a page, which must come in time once anybody listens; whether it came."""
        asked = time.monotonic()
        try:
            with urlopen(f"{self.address}/{path}", timeout=ANSWER) as answer:
                answer.read()
        except HTTPError as error:
            pytest.fail(f"{path}: {error}")
        except OSError as error:
            if self.pages or time.monotonic() - asked >= ANSWER:
                pytest.fail(f"{path}: no answer in {ANSWER} s: {error}; {self.log.read_text()}")
            return False
        self.pages += 1
        return True

    def ask_for(self, seconds: float) -> None:
        """Ask for pages and pictures so long."""
        number, end = 0, time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            assert self.process.poll() is None, self.log.read_text()
            paths = ("", f"kit/pictures/scenes/{number % 1368}.webp?small=1", "kit/map/scenes.json")
            if not self.ask(paths[number % 3]):
                time.sleep(min(0.05, left))
            number += 1

    def wait(self) -> None:
        """Until the page is there."""
        while not self.ask():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - self.began < 300, self.log.read_text()
            time.sleep(0.1)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code; nothing may be left after `ANSWER` seconds."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        try:
            code = self.process.wait(ANSWER)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"still there {ANSWER} s after {number.name}; {self.log.read_text()}")
        left = psutil.wait_procs(children, timeout=1)[1]
        # What has ended but is not yet reaped by the machine's first process is gone.
        left = [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        assert not left, f"children were left: {left}"
        return code


@pytest.mark.parametrize("start", range(STARTS))
def test_sigterm_at_a_random_moment_of_a_first_start(start: int, tmp_path: Path) -> None:
    serving = start % 2
    moment = random.uniform(0.1, SERVING if serving else LOADING)
    app = Started(tmp_path / "own", tmp_path / "cache")
    if serving:
        app.wait()
    app.ask_for(moment)
    code = app.end(signal.SIGTERM)
    where = "the first page" if serving else "the start"
    print(f"SIGTERM {moment:.1f} s after {where}, {app.pages} answers, exit code {code}")
    assert code in (-signal.SIGTERM, 128 + signal.SIGTERM)

    again = Started(tmp_path / "own", tmp_path / "cache")
    again.wait()
    again.ask("kit/map/scenes.json")
    print(f"page after {time.monotonic() - again.began:.1f} s")
    assert again.end(signal.SIGTERM) in (-signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.parametrize("moment", [1.0, 6.0, None])
def test_ctrl_c(moment: float | None, tmp_path: Path) -> None:
    """During a first start, and while a page is open that holds a stream."""
    app = Started(tmp_path / "own", tmp_path / "cache")
    if moment is None:
        app.wait()
        with urlopen(f"{app.address}/gradio_api/heartbeat/test", timeout=ANSWER):
            code = app.end(signal.SIGINT)
    else:
        app.ask_for(moment)
        code = app.end(signal.SIGINT)
    assert code in (-signal.SIGINT, 128 + signal.SIGINT, 1)
    if moment is None:
        assert "Traceback" not in app.log.read_text()


def test_ctrl_c_while_an_own_data_set_is_built(pictograms: Path, tmp_path: Path) -> None:
    settings = f"datasets=({str(pictograms)!r},), recipe={{'epochs': 5000}}"
    code = f"from glasskit_app import launch; launch(PORT, {settings})"
    app = Started(tmp_path / "own", tmp_path / "cache", code)
    while not list((tmp_path / "cache").glob("app/*/*/run/log.jsonl")):
        assert app.process.poll() is None, app.log.read_text()
        assert not app.ask(), "nobody listens before everything is built"
        time.sleep(0.2)
    time.sleep(1)
    assert app.end(signal.SIGINT) == 128 + signal.SIGINT
    assert "Traceback" not in app.log.read_text()


def test_a_first_start_builds_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    app = Started(tmp_path / "own", cache)
    app.wait()
    app.end(signal.SIGTERM)
    built = {path.parent.name for path in cache.rglob("*") if path.is_file()}
    assert built <= {"towers"}, "only the image tower's own form is kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "no/such"], "no/such: no such folder of pictures"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:7860: Cannot assign"),
        (["--root-path", "/a b"], "root path"),
    ],
)
def test_what_cannot_be_is_told_at_once(arguments: list[str], message: str, tmp_path: Path) -> None:
    told = refused(arguments, tmp_path, tmp_path)
    assert message in told
    assert "loading" not in told


def test_a_cache_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told = refused([], tmp_path, tmp_path / "file" / "cache")
    assert "can't be written" in told
    assert "GLASSKIT_CACHE" in told
    assert "loading" not in told


def refused(arguments: list[str], folder: Path, cache: Path) -> str:
    """The one line that `glasskit app` ends with."""
    if "--port" not in arguments and "--host" not in arguments:
        arguments = [*arguments, "--port", str(free_port())]
    done = subprocess.run(
        [Path(sys.executable).with_name("glasskit"), "app", *arguments],
        cwd=folder,
        env=os.environ | {"GLASSKIT_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("glasskit: ")
    return done.stderr
