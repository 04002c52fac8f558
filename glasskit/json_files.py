"""JSON that people hand in: read whole, or one line that names the file and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glasskit.errors import InputError


def read_json(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: the file is missing, cannot be read, or is no JSON.
    """
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{file}: not readable JSON ({error.strerror})") from error
    return parse_json(data, str(file))


def parse_json(data: bytes | str, where: str) -> Any:
    """What JSON text holds; ``where`` stands in the error.

    Raises:
        InputError: it is no JSON, or is nested more deeply than Python can follow.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not readable JSON ({error})") from error
