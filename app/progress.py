"""What the app is doing while it gets ready: for the terminal and for the start page."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Step:
    """One piece of work: a sentence and how far it is."""

    text: str
    done: int = 0
    total: int = 0
    finished: bool = False


@dataclass
class Progress:
    """The steps so far, newest last; the server thread reads it while the builder writes it."""

    steps: list[Step] = field(default_factory=list)
    error: str = ""
    ready: bool = False
    started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def step(self, text: str) -> Callable[[int, int], None]:
        """Begin a step, which ends the one before; returns what reports (done, total) of it."""
        with self._lock:
            self._finish()
            step = Step(text)
            self.steps.append(step)
        _print(f"  {text} ...")
        shown = 0.0

        def report(done: int, total: int) -> None:
            nonlocal shown
            step.done, step.total = done, total
            now = time.monotonic()
            if sys.stderr.isatty() and (now - shown > 0.2 or done == total):
                shown = now
                end = "\n" if done == total else ""
                print(f"\r  {text} ... {done} of {total} ", end=end, file=sys.stderr, flush=True)

        return report

    def finish(self) -> None:
        """Everything is done."""
        with self._lock:
            self._finish()
            self.ready = True

    def fail(self, message: str) -> None:
        """Work stopped; the message says what to do."""
        with self._lock:
            self.error = message

    def state(self) -> dict[str, object]:
        """What the start page shows, ready for JSON."""
        with self._lock:
            steps = [
                {"text": s.text, "done": s.done, "total": s.total, "finished": s.finished}
                for s in self.steps
            ]
        seconds = round(time.monotonic() - self.started)
        return {"steps": steps, "error": self.error, "ready": self.ready, "seconds": seconds}

    def _finish(self) -> None:
        if self.steps:
            self.steps[-1].finished = True


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
