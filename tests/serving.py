"""A program that serves pages, started in a process of its own and waited for."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

READY = 540
"""Seconds within which it must answer; to build an app's maps on two busy cores takes minutes."""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(address: str) -> bool:
    """Whether a page is there."""
    try:
        with urlopen(address, timeout=30) as answer:
            return answer.status == 200
    except OSError:
        return False


def start(words: Sequence[object], log: Path, **settings: Any) -> subprocess.Popen:
    """A command whose output is added to a file; settings are those of `Popen`."""
    with log.open("a") as output:
        return subprocess.Popen(
            [str(word) for word in words], stdout=output, stderr=output, **settings
        )


def wait(process: subprocess.Popen, address: str, log: Path) -> None:
    """Until the page is there.

    Raises:
        RuntimeError: the process ended, or there is no page after READY seconds.
    """
    end = time.monotonic() + READY
    while not answers(address):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(
                f"no page; it ended with {process.poll()}: {log.read_text()[-4000:]}"
            )
        time.sleep(0.05)


@contextmanager
def serving(
    words: Sequence[object], address: str, log: Path, **settings: Any
) -> Iterator[subprocess.Popen]:
    """A command while it serves; it is ended behind the block."""
    process = start(words, log, **settings)
    try:
        wait(process, address, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()
