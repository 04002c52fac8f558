"""What the library tells beside its results: a command prints its log and its warnings in lines."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glasskit.errors import first_process


@contextmanager
def notices() -> Iterator[None]:
    """Print each warning of the library once, as a line on stderr, by the first of several
    processes; those of other packages as ever."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("glasskit: %(message)s"))
    handler.addFilter(_FirstTime())
    handler.setLevel(logging.WARNING if first_process() else logging.ERROR)
    logger = logging.getLogger("glasskit")
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    package = str(Path(__file__).parent)
    try:
        with warnings.catch_warnings():
            usual = warnings.showwarning

            def show(message: Any, category: Any, filename: str, *rest: Any) -> None:
                if filename.startswith(package):
                    logger.warning("%s", message)
                else:
                    usual(message, category, filename, *rest)

            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


class _FirstTime(logging.Filter):
    """Lets a message pass once: several steps of a command may meet the same thing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        new = message not in self.seen
        self.seen.add(message)
        return new
