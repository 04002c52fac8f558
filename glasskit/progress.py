"""A progress bar on the command line, drawn only once there is something to wait for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A function (done, total) that draws a bar with the time that remains, on stderr.

    A total of 0 is one that nobody knows. Of several processes only the first draws.
    """
    if os.environ.get("RANK", "0") != "0":
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    drawn = Progress(*columns, console=Console(stderr=True), transient=True)
    task = drawn.add_task(text, total=None)

    def close() -> None:
        if drawn.live.is_started:  # stopping what never ran would print an empty line
            drawn.stop()

    def report(done: int, total: int) -> None:
        # Work that a cache answers at once shows no bar; a training bar may follow this one.
        if done >= total and (total or not done):
            close()
        elif not drawn.live.is_started:
            drawn.start()
        drawn.update(task, completed=done, total=total or None)

    try:
        yield report
    finally:
        close()
