"""Vectors that come in over hours: parts on disk that grow by blocks and survive a kill.

A part is two files: ``NAME.f32``, rows of float32 one after the other, and ``NAME.jsonl``, a line
of JSON for each row. Rows are flushed to the disk before their lines, so that every whole line has
its row; what a kill left half is cut off when the part is opened again.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.io.places import atomic_write

END = {"end": True}


class Part:
    """The rows of one unit of work.

    Args:
        folder: where parts lie.
        name: of the unit.
        width: numbers in a row.
        identity: of what the unit is read from; a part of anything else is begun anew.
        marked: go back to the last line with a "state", from which its source can go on.
    """

    def __init__(
        self, folder: Path, name: str, width: int, identity: str, *, marked: bool = False
    ) -> None:
        self.rows, self.lines = folder / f"{name}.f32", folder / f"{name}.jsonl"
        self.width = width
        self.head = {"identity": identity, "width": width}
        self.done, self.state, self.finished = 0, None, False
        self._recover(marked)

    def append(self, vectors: np.ndarray, lines: Sequence[dict[str, Any]]) -> None:
        """Add (b, width) rows with a line each."""
        _append(self.rows, np.ascontiguousarray(vectors, dtype="<f4").tobytes())
        self._write(lines)
        self.done += len(lines)

    def finish(self) -> None:
        """Note that the unit is done."""
        self._write([END])
        self.finished = True

    def entries(self) -> Iterator[dict[str, Any]]:
        """The lines of the rows, without states."""
        with self.lines.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                entry = json.loads(line)
                entry.pop("state", None)
                if entry != END:
                    yield entry

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        _append(self.lines, text.encode())

    def _recover(self, marked: bool) -> None:
        """Keep the lines that are whole and have rows; begin where there is nothing of use."""
        keep, kept = 0, 0
        if self.lines.is_file() and self.rows.is_file():
            there = self.rows.stat().st_size // (4 * self.width)
            with self.lines.open("rb") as file:
                place = 0
                for number, line in enumerate(file):
                    place += len(line)
                    entry = _parsed(line)
                    if entry is None or (not number and entry != self.head):
                        break
                    if number and entry == END:
                        self.finished, keep, kept = True, place, number - 1
                        break
                    if number > there:
                        break
                    if not marked or not number or "state" in entry:
                        keep, kept, self.state = place, number, entry.get("state")
        if not keep:
            self.lines.unlink(missing_ok=True)
            self.rows.write_bytes(b"")
            self._write([self.head])
            return
        self.done = kept
        os.truncate(self.lines, keep)
        os.truncate(self.rows, kept * 4 * self.width)


def merge(
    parts: Sequence[Part],
    names: Sequence[str],
    file: Path,
    dtype: str = "float32",
    index_id: str = "",
) -> int:
    """Join the rows of parts into one safetensors file, never holding more than one block.

    Args:
        parts: finished parts, in order.
        names: of the tensors that a row is made of, side by side and equally wide.
        file: written whole or not at all.
        dtype: float32 or float16, of the file; parts are float32.
        index_id: of the index that names the rows; kept in the file's metadata.

    Returns:
        the number of rows n; each tensor is (n, width / len(names)).
    """
    count = sum(part.done for part in parts)
    width = parts[0].width // len(names)
    kind = np.dtype(dtype).newbyteorder("<")
    span = kind.itemsize * count * width
    header: dict[str, Any] = {
        name: {
            "dtype": {"float32": "F32", "float16": "F16"}[dtype],
            "shape": [count, width],
            "data_offsets": [i * span, (i + 1) * span],
        }
        for i, name in enumerate(names)
    }
    header["__metadata__"] = {"id": index_id}
    # The format: 8 bytes with the length of the header, the header as JSON, then the data.
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(file) as scratch, scratch.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for i in range(len(names)):
            for part in parts:
                for block in _blocks(part):
                    out.write(block[:, i * width : (i + 1) * width].astype(kind).tobytes())
    return count


def _blocks(part: Part, rows: int = 65536) -> Iterator[np.ndarray]:
    with part.rows.open("rb") as file:
        while data := file.read(4 * part.width * rows):
            yield np.frombuffer(data, dtype="<f4").reshape(-1, part.width)


def _append(file: Path, data: bytes) -> None:
    with file.open("ab") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _parsed(line: bytes) -> dict[str, Any] | None:
    """The object of a whole line; None where it was cut off."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
