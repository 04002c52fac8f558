"""What the library tells beside its results goes through logging; a command prints it in lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from glasskit.errors import first_process


@contextmanager
def notices() -> Iterator[None]:
    """Print each warning of the library once, as a line on stderr, by the first of several
    processes."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("glasskit: %(message)s"))
    handler.addFilter(_FirstTime())
    handler.setLevel(logging.WARNING if first_process() else logging.ERROR)
    logger = logging.getLogger("glasskit")
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    try:
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
