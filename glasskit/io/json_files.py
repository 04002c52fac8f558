"""JSON that people hand in: read whole, or one line that names the file and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glasskit.errors import InputError
from glasskit.io.places import write_text
from glasskit.io.text_files import decode_text, lines_of, read_bytes


def read_json(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: the file is missing, cannot be read, or is no JSON.
    """
    return parse_json(read_bytes(file, "JSON"), str(file))


def write_json(file: str | Path, value: Any) -> None:
    """Write JSON, whole or not at all; InputError as `places.atomic_write`."""
    write_text(file, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def parse_json(data: bytes, where: str, nan_is_null: bool = False) -> Any:
    """What JSON text in UTF-8, UTF-16 or UTF-32 holds; ``where`` stands in the error.

    Args:
        data: the text.
        where: begins the line of an error.
        nan_is_null: read NaN and Infinity as null; by default they are refused.

    Raises:
        InputError: it is no JSON, has a key twice in one object, NaN or Infinity, or is nested more
            deeply than Python can follow.
    """
    text = decode_text(data, where, "JSON")
    constant = (lambda _: None) if nan_is_null else _refuse
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not readable JSON ({_why(error)})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not readable JSON ({error})") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} comes twice in one object: {str(value)[:100]}")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _why(error: json.JSONDecodeError) -> str:
    """What Python says, or what people know the fault as."""
    before, after = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    place = f"line {error.lineno}, column {error.colno}"
    if not error.doc.strip():
        return "the file is empty"
    closing = after.removeprefix(",").lstrip()[:1]  # from Python 3.13 on the comma is the place
    if (before.endswith(",") or after.startswith(",")) and closing in ("}", "]"):
        return f"a comma before the closing {closing} in {place}"
    if error.msg == "Extra data" and _is_lines(error.doc):
        return "it is JSON Lines, a value a line; make it one list: [value, value, ...]"
    return str(error)


def _is_lines(text: str) -> bool:
    first = next(line for line in lines_of(text) if line.strip())
    try:
        return isinstance(json.loads(first), (dict, list))
    except ValueError:
        return False
