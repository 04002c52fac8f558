"""The one error that Glass Kit raises for bad input, and which of several processes tells it."""

from __future__ import annotations

import os


class InputError(ValueError):
    """Bad input: one line that names what is wrong and what to do.

    The command line prints the line and exits with code 2, the app shows it in a notice.

    Args:
        line: what is shown.
        everywhere: whether all processes of a run raise it, so that the first alone has to tell.
    """

    def __init__(self, line: str = "", *, everywhere: bool = False) -> None:
        super().__init__(line)
        self.everywhere = everywhere


def first_process() -> bool:
    """Whether this is the only process, or the first of those that a launcher started."""
    return int(os.environ.get("RANK", 0)) == 0
