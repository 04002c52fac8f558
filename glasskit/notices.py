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
    seen: set[str] = set()

    def first_time(record: logging.LogRecord) -> bool:
        # Several steps of a command may meet the same thing.
        message = record.getMessage()
        is_new = message not in seen
        seen.add(message)
        return is_new

    handler.addFilter(first_time)
    handler.setLevel(logging.WARNING if first_process() else logging.ERROR)
    logger = logging.getLogger("glasskit")
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    package = str(Path(__file__).parent)
    try:
        with warnings.catch_warnings():
            usual = warnings.showwarning

            def show(message: Any, category: Any, filename: str, *more: Any) -> None:
                if filename.startswith(package):
                    logger.warning("%s", message)
                else:
                    usual(message, category, filename, *more)

            warnings.showwarning = show  # type: ignore[assignment]
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
