"""Write a data set as WebDataset shards, one whole tar after the other.

A shard is written under another name and renamed when it is whole, and the same data set gives the
same bytes: an interrupted call goes on after the last whole shard.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FileSource
from glasskit.data.magic import concept_as_json
from glasskit.data.magic_record import record_as_json
from glasskit.data.shards import END, TAXONOMY, Row, read_shards
from glasskit.data.streams import PREFIX, stream_parts
from glasskit.errors import InputError
from glasskit.io.json_files import read_json, write_json
from glasskit.io.pictures import FORMATS, PictureError, ask_each, picture_kind
from glasskit.io.places import atomic_write, cache_folder, check_folder, keeping_in

PLAN = "pack.json"
SHARD_SIZE = 1000

Progress = Callable[[int, int], None]


class Packed(NamedTuple):
    """What lies in the folder afterwards."""

    shards: int
    pictures: int


def pack(
    source: GroupedDataset | str,
    out: str | Path,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
) -> Packed:
    """Write ``00000.tar``, ``00001.tar``, ... and ``taxonomy.json`` into a folder.

    Files are packed as they are, drawn pictures as PNG, which loses nothing.

    Args:
        source: a grouped data set, or the name of one of the hub, ``hf:OWNER/NAME``, of which each
            row is packed with what of it is JSON.
        out: the folder; one in which the same call was interrupted is gone on with.
        shard_size: pictures a shard.
        progress: called with (done, total) pictures; total is 0 where it is not known.

    Raises:
        InputError: a picture is missing, the folder holds other shards or cannot be written.
    """
    folder = Path(out)
    plan = {
        "source": source if isinstance(source, str) else source.name,
        "identity": source if isinstance(source, str) else _identity(source),
        "shard_size": shard_size,
    }
    known = read_json(folder / PLAN) if (folder / PLAN).is_file() else {}
    there = sorted(folder.glob(f"*{END}"))
    if (known or there) and any(known.get(key) != value for key, value in plan.items()):
        raise InputError(
            f"{folder}: holds shards of another data set or size, or other tar files; choose "
            "another folder"
        )
    if "pictures" in known:
        return Packed(len(there), known["pictures"])
    check_folder(folder)
    # The last shard that is there is written again: it may hold fewer than the others.
    number = max(0, len(there) - 1)
    pictures = number * shard_size
    if isinstance(source, str):
        total, rows = 0, _hub_rows(source, pictures)
    else:
        total, rows = len(source), _dataset_rows(source, pictures)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{plan['source']}: there is no picture to pack")
    write_json(folder / PLAN, plan)
    while first is not None:
        shard = chain([first], islice(rows, shard_size - 1))
        pictures += _write_shard(folder / f"{number:05d}{END}", pictures, shard)
        number += 1
        first = next(rows, None)
        if progress is not None:
            progress(pictures, total)
    if isinstance(source, GroupedDataset):
        write_json(folder / TAXONOMY, [concept_as_json(concept) for concept in source.concepts])
    write_json(folder / PLAN, plan | {"pictures": pictures})
    return Packed(number, pictures)


def load_hub(name: str) -> GroupedDataset:
    """A grouped data set of the hub whose columns are the fields of the MAGIC layout.

    Groups are drawn in any order, which a stream does not allow: the data set is streamed once into
    shards in the cache, by one process of a machine while the others wait, and read there.

    Raises:
        InputError: it cannot be read, or a row lacks a picture, a concept or a caption.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.removeprefix(PREFIX)).strip("-")
    folder = cache_folder("hub", f"{plain[-60:]}-{sha256(name.encode()).hexdigest()[:8]}")
    with keeping_in(folder.parent), FileLock(folder.with_suffix(".lock")):
        pack(name, folder)
    return read_shards(folder)


def _identity(dataset: GroupedDataset) -> str:
    """A text that is another one for other pictures or records, as far as can be told."""
    digest = sha256()
    rows = range(len(dataset))
    ask_each(rows, dataset.check)
    prints = ask_each(rows, dataset.fingerprint)
    for record, mark in zip(dataset.records, prints, strict=True):
        digest.update(f"{record!r} {mark}".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _dataset_rows(dataset: GroupedDataset, start: int) -> Iterator[Row]:
    images = dataset.images
    for index in range(start, len(dataset)):
        record = dataset.records[index]
        concept = dataset.by_name[record.concept]
        notes = record_as_json(record, concept)
        notes |= {"concept": concept.name, "split": record.split}
        if isinstance(images, FileSource):
            data = images.read(record.key)
        else:
            drawn = io.BytesIO()
            dataset.image(index).save(drawn, "PNG")
            data = drawn.getvalue()
        yield Row(record.key, f"record {record.key!r}", data, notes)


def _hub_rows(source: str, start: int) -> Iterator[Row]:
    every = (row for part in stream_parts(source) for row in part.rows())
    for row in islice(every, start, None):
        notes = {name: value for name, value in row.notes.items() if _is_json(value)}
        yield row._replace(notes={"image": row.key} | notes)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _write_shard(file: Path, first: int, rows: Iterator[Row]) -> int:
    """Write a tar whole or not at all; how many samples it holds."""
    written = 0
    with atomic_write(file) as scratch, tarfile.open(scratch, "w") as tar:
        for number, row in enumerate(rows, start=first):
            notes = json.dumps(row.notes, ensure_ascii=False).encode()
            for ending, data in ((_ending(row), row.data), ("json", notes)):
                header = tarfile.TarInfo(f"{number:09d}.{ending}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
            written += 1
    return written


def _ending(row: Row) -> str:
    """The ending of a file with a picture's bytes."""
    kind = picture_kind(row.data[:256])
    if kind not in FORMATS:
        raise PictureError(f"{row.where}: not a readable picture ({kind})")
    return "jpg" if kind == "JPEG" else kind.lower()
