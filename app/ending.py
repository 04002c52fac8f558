"""How the app ends while it is still getting ready."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console

T = TypeVar("T")


@contextmanager
def on_ctrl_c(action: Any) -> Iterator[None]:
    """What Ctrl-C does meanwhile; only the main thread may say it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, action)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def beside(work: Callable[[], T]) -> T:
    """What ``work`` returns, done in a thread, so that Ctrl-C ends the process at once meanwhile.

    In the main thread a training would take the signal as a wish to stop after its step and save.
    """

    def leave(number: int, frame: object) -> None:
        Console(stderr=True).show_cursor()  # a bar hides it
        os._exit(128 + number)

    with on_ctrl_c(leave), ThreadPoolExecutor(1, "building") as pool:
        return pool.submit(work).result()
