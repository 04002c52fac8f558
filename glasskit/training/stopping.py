"""Stopping between two steps: Ctrl-C, SIGTERM, or a caller's own wish.

Exit codes of the command line: 0 finished (or stopped by its caller), 130 stopped by Ctrl-C,
143 by SIGTERM, both with everything saved; 2 bad input or diverged.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While open, the first SIGINT or SIGTERM asks to stop; a second one has its usual effect.

    Python lets only the main thread take signals; elsewhere only ``wish`` can stop.

    Args:
        wish: asked after every step; True stops.
    """

    def __init__(self, wish: Callable[[], bool] | None = None) -> None:
        self.wish = wish
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def __bool__(self) -> bool:
        return self.signal is not None or (self.wish is not None and self.wish())

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
