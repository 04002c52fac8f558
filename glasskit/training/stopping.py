"""Stopping between two steps: Ctrl-C, SIGTERM, or a caller's own wish.

Exit codes of the command line: 0 finished (or stopped by its caller), 130 stopped by Ctrl-C,
143 by SIGTERM, both with everything saved; 2 bad input or diverged.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether to stop; ask it as a truth value.

    Args:
        wish: asked after every step; True stops.

    Attributes:
        signal: the signal that asked to stop, or None.
    """

    def __init__(self, wish: Callable[[], bool] | None = None) -> None:
        self.wish = wish
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None or (self.wish is not None and self.wish())


@contextmanager
def stop_request(wish: Callable[[], bool] | None = None) -> Iterator[StopRequest]:
    """While open, the first SIGINT or SIGTERM asks to stop; a second one has its usual effect.

    Python lets only the main thread take signals; elsewhere only ``wish`` can stop.
    """
    request = StopRequest(wish)
    usual: dict[int, Any] = {}

    def take(number: int, frame: FrameType | None) -> None:
        request.signal = number
        restore()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        usual = {number: signal.signal(number, take) for number in SIGNALS}
    try:
        yield request
    finally:
        restore()
