"""The errors that Glass Kit raises for bad input, and which of several processes this is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType


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


class PictureError(InputError):
    """One picture that is missing or cannot be read; ``advice`` ends the line."""

    def __init__(self, line: str, advice: str = "") -> None:
        super().__init__(line + advice)
        self.brief = line


class BrokenPicturesError(InputError):
    """Pictures that are missing or cannot be read, in one line: the first ten and a count.

    Args:
        total: pictures that were looked at.
        rows: number of a picture -> what is wrong with it.
    """

    def __init__(self, total: int, rows: Mapping[int, PictureError]) -> None:
        self.rows = dict(sorted(rows.items()))
        errors = list(self.rows.values())
        line = str(errors[0])
        if len(errors) > 1:
            more = f"; and {len(errors) - 10} more" if len(errors) > 10 else ""
            listed, before = [], ""
            for error in errors[:10]:
                place, _, why = error.brief.partition(": ")  # a folder is named once
                listed.append(why if place == before else error.brief)
                before = place
            line = f"{len(errors)} of {total} pictures cannot be used: {'; '.join(listed)}{more}"
        super().__init__(line)


def need(module: str, extra: str) -> ModuleType:
    """A library that only an extra of Glass Kit installs, such as ``need("peft", "lora")``.

    Raises:
        InputError: it is not installed; the line says how to get it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:  # something that the library itself lacks
            raise
        raise InputError(
            f'{module} is missing; this needs pip install "glasskit[{extra}]"'
        ) from error


def launched() -> int:
    """How many processes a launcher started, by WORLD_SIZE.

    Raises:
        InputError: it is no number.
    """
    text = os.environ.get("WORLD_SIZE", "1")
    if not text.isdecimal():
        raise InputError(f"WORLD_SIZE is {text!r}, which is no number of processes; unset it")
    return int(text)


def first_process() -> bool:
    """Whether this is the only process, or the first of those that a launcher started."""
    text = os.environ.get("RANK", "0")
    several = os.environ.get("WORLD_SIZE", "1") != "1"
    return not (several and text.isdecimal() and int(text))
