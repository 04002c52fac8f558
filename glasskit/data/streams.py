"""Streams of pictures: shards, and data sets of the Hugging Face hub, in parts for processes.

A data set of the hub is written ``hf:OWNER/NAME``, with ``:CONFIG`` and ``@SPLIT`` after it where
they are needed (the split is train otherwise); a local folder in the place of OWNER/NAME works as
well. It needs the package `datasets`: pip install "glasskit[hub]".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from glasskit.data.shards import Part, Row, is_shards, shard_names, shard_part
from glasskit.errors import InputError, need

PREFIX = "hf:"
_KEYS = ("image", "key", "__key__", "id", "image_id", "filename", "file_name")
_PICTURES = ("image", "jpg", "jpeg", "png", "webp", "img", "picture")
_NAME = re.compile(r"hf:(?P<name>[^:@]+)(:(?P<config>[^:@]+))?(@(?P<split>[^:@]+))?")


def is_hub(source: object) -> bool:
    """Whether a text names a data set of the hub."""
    return str(source).startswith(PREFIX)


def is_stream(source: str | Path) -> bool:
    """Whether a text names shards or a data set of the hub."""
    return is_hub(source) or is_shards(source)


def stream_parts(source: str | Path) -> list[Part]:
    """The parts of shards or of a data set of the hub, in order; processes share them.

    A part is a shard, or a file of the hub (of parquet a row group).

    Raises:
        InputError: a shard is missing, or the package or the data set of the hub.
    """
    if is_hub(source):
        return _hub_parts(str(source))
    return [shard_part(name) for name in shard_names(source)]


def _hub_parts(source: str) -> list[Part]:
    match = _NAME.fullmatch(source)
    if match is None:
        raise InputError(f"{source}: write hf:OWNER/NAME, hf:OWNER/NAME:CONFIG@SPLIT")
    name, config, split = match["name"], match["config"], match["split"] or "train"
    datasets = need("datasets", "hub")
    try:
        stream = datasets.load_dataset(name, config, split=split, streaming=True).reshard()
        if stream.features:  # pictures stay bytes: they are decoded in our threads, by our rules
            stream = stream.decode(False)
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        first = re.sub(r" \(\w+Error\)$", "", first)  # the name of a class tells nobody more
        raise InputError(f"{source} could not be opened: {first}") from error
    count = stream.num_shards

    def rows(index: int) -> Iterator[Row]:
        return (_row(row, source) for row in stream.shard(count, index))

    def part(index: int) -> Part:
        place = f"{index}-of-{count}"
        return Part(f"hub-{place}", f"{source} {place}", 0, partial(rows, index))

    return [part(index) for index in range(count)]


def _row(row: dict[str, Any], source: str) -> Row:
    column = next((name for name in (*_PICTURES, *row) if _is_picture(row.get(name))), None)
    if column is None:
        raise InputError(f"{source}: a row has no picture, only {', '.join(row)}")
    data = _bytes(row[column], source)
    notes = {k: v for k, v in row.items() if k != column and v is not None}
    notes |= notes.pop("json") if isinstance(notes.get("json"), dict) else {}
    named = (notes.get(name) for name in _KEYS)
    # A picture without a name is called by its content: the same however many processes read.
    key = next((str(v) for v in named if isinstance(v, (str, int)) and str(v).strip()), None)
    key = key or sha256(data).hexdigest()[:24]
    return Row(key, f"{source}: {key}", data, notes)


def _is_picture(value: Any) -> bool:
    return isinstance(value, bytes) or (
        isinstance(value, dict) and value.keys() == {"bytes", "path"}
    )


def _bytes(value: Any, source: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if value["bytes"] is not None:
        return bytes(value["bytes"])
    import fsspec

    try:
        with fsspec.open(value["path"], "rb") as file:
            return bytes(file.read())
    except OSError as error:
        raise InputError(f"{source}: {value['path']}: cannot be read ({error})") from error
