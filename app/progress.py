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
    beside: bool = False
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


@dataclass
class Progress:
    """The steps so far, newest last; the server thread reads it while the builder writes it."""

    steps: list[Step] = field(default_factory=list)
    error: str = ""
    ready: bool = False
    warm: bool = False
    started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def step(self, text: str, *, beside: bool = False) -> Callable[[int, int], None]:
        """Begin a step, which ends the one before; returns what reports (done, total) of it.

        A step that goes on beside others ends when its own count is full.
        """
        with self._lock:
            self._finish()
            step = Step(text, beside=beside)
            self.steps.append(step)
        _print(f"  {text} ...")
        shown = 0.0

        def report(done: int, total: int) -> None:
            nonlocal shown
            step.done, step.total = done, total
            if beside and done == total:
                _end(step)
            now = time.monotonic()
            if sys.stderr.isatty() and (now - shown > 0.2 or done == total):
                shown = now
                end = "\n" if done == total else ""
                print(f"\r  {text} ... {done} of {total} ", end=end, file=sys.stderr, flush=True)

        return report

    def finish(self) -> None:
        """Everything is done."""
        with self._lock:
            for step in self.steps:
                _end(step)
            self.ready = True

    def warmed(self) -> None:
        """Models are loaded: from now on every tab answers at its full speed."""
        with self._lock:
            self.warm = True

    def fail(self, message: str) -> None:
        """Work stopped; the message says what to do."""
        with self._lock:
            self.error = message

    def state(self) -> dict[str, object]:
        """What the start page shows, ready for JSON."""
        with self._lock:
            steps = [
                {
                    "text": s.text,
                    "done": s.done,
                    "total": s.total,
                    "finished": s.finished,
                    "seconds": round(s.seconds, 1),
                }
                for s in self.steps
            ]
        seconds = round(time.monotonic() - self.started)
        told = {"error": self.error, "ready": self.ready, "warm": self.warm, "seconds": seconds}
        return {"steps": steps, **told}

    def _finish(self) -> None:
        own = [step for step in self.steps if not step.beside]
        if own:
            _end(own[-1])


def _end(step: Step) -> None:
    if not step.finished:
        step.finished = True
        step.seconds = time.monotonic() - step.begun


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
