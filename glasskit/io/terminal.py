"""What the commands show: lines, tables and a progress bar, with the user's own text as it is.

Nothing in a text is taken for markup or an emoji code. A control character, such as one in the
name of a file, is shown as its escape and never obeyed. What goes to a file or a pipe is not cut to
the width of a screen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from glasskit.errors import first_process
from glasskit.io.text_files import printable

WIDE = 100_000
"""Columns of what is no screen."""


def say(text: str) -> None:
    """Print one line."""
    print(printable(text))


def complain(text: object) -> None:
    """Print one line of the command on stderr."""
    print(f"glasskit: {printable(text)}", file=sys.stderr)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table under its title; cells are folded, never cut, where a screen is narrow."""
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    say(title)
    width = None if sys.stdout.isatty() else WIDE
    Console(highlight=False, markup=False, emoji=False, width=width).print(table)


def number_text(value: float | None, form: str = ".3f") -> str:
    """Three digits, or a dash for what is not known."""
    return "-" if value is None else f"{value:{form}}"


def ends_text(ends: Iterable[float | None] | None, form: str = ".3f") -> str:
    """Both ends of an interval, or a dash for what is not known."""
    known = [number_text(end, form) for end in ends or () if end is not None]
    return " to ".join(known) or "-"


@contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A function (done, total) that draws a bar with the time that remains, on stderr.

    A total of 0 is one that nobody knows. Of several processes only the first draws.
    """
    if not first_process():
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
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
