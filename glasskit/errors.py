"""The one error that Glass Kit raises for bad input, and which of several processes this is."""

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


def launched() -> int:
    """How many processes a launcher started, by WORLD_SIZE.

    Raises:
        InputError: it is no number.
    """
    text = os.environ.get("WORLD_SIZE", "1")
    if not text.isdecimal():
        raise InputError(f"WORLD_SIZE is {text!r}, which is no number of processes; unset it")
    return int(text)


def rank(name: str = "RANK") -> int:
    """Which of several processes this is (LOCAL_RANK: on its machine); 0 for the only one."""
    text = os.environ.get(name, "0")
    several = os.environ.get("WORLD_SIZE", "1") != "1"
    return int(text) if several and text.isdecimal() else 0


def first_process() -> bool:
    """Whether this is the only process, or the first of those that a launcher started."""
    return rank() == 0
