"""Write a data set as WebDataset shards, one whole tar after the other.

A shard is written under another name and renamed when it is whole, and the same data set gives the
same bytes: an interrupted call goes on after the last whole shard.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FileSource
from glasskit.data.magic import concept_as_json
from glasskit.data.magic_record import record_as_json
from glasskit.data.shard_dataset import TAXONOMY
from glasskit.data.shards import END
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.pictures import EXTENSIONS, ask_each
from glasskit.io.places import atomic_write, check_folder, write_text

PLAN = "pack.json"
SHARD_SIZE = 1000

Progress = Callable[[int, int], None]


class Member(NamedTuple):
    """What becomes one sample: the bytes of a picture, their ending, and its notes."""

    data: bytes
    ending: str
    notes: dict[str, Any]


class Source(Protocol):
    """What can be packed."""

    name: str
    total: int | None

    def identity(self) -> str:
        """A text that is another one for other pictures or notes, as far as can be told."""
        ...

    def members(self, start: int) -> Iterator[Member]:
        """The samples from number ``start`` on, always in the same order."""
        ...

    def taxonomy(self) -> list[dict[str, Any]]:
        """Entries of ``taxonomy.json``; none where nothing is known."""
        ...


class Packed(NamedTuple):
    """What lies in the folder afterwards."""

    shards: int
    pictures: int


@dataclass(frozen=True)
class DatasetSource:
    """A grouped data set to pack: files as they are, drawn pictures as PNG, which loses nothing."""

    dataset: GroupedDataset

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def total(self) -> int:
        return len(self.dataset)

    def identity(self) -> str:
        digest = hashlib.sha256()
        rows = range(len(self.dataset))
        ask_each(rows, self.dataset.check)
        prints = ask_each(rows, self.dataset.fingerprint)
        for record, mark in zip(self.dataset.records, prints, strict=True):
            digest.update(f"{record!r} {mark}".encode(errors="surrogatepass"))
        return digest.hexdigest()

    def members(self, start: int) -> Iterator[Member]:
        for index in range(start, len(self.dataset)):
            record = self.dataset.records[index]
            concept = self.dataset.by_name[record.concept]
            notes = record_as_json(record, concept) | {"concept": concept.name}
            yield Member(*self._file(index), notes | {"split": record.split})

    def taxonomy(self) -> list[dict[str, Any]]:
        return [
            concept_as_json(concept) | {"hard_negative": list(concept.hard_negatives)}
            for concept in self.dataset.concepts
        ]

    def _file(self, index: int) -> tuple[bytes, str]:
        images = self.dataset.images
        if isinstance(images, FileSource):
            data, ending = images.read(self.dataset.key(index))
            if f".{ending}" in EXTENSIONS:
                return data, ending
        drawn = io.BytesIO()
        self.dataset.image(index).save(drawn, "PNG")
        return drawn.getvalue(), "png"


def pack(
    source: Source,
    out: str | Path,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
) -> Packed:
    """Write ``00000.tar``, ``00001.tar``, ... and ``taxonomy.json`` into a folder.

    Args:
        source: what to pack, such as ``DatasetSource(load_dataset("scenes"))``.
        out: the folder; one in which the same call was interrupted is gone on with.
        shard_size: pictures a shard.
        progress: called with (done, total) pictures; total is 0 where it is not known.

    Raises:
        InputError: a picture is missing, the folder holds other shards or cannot be written.
    """
    folder = Path(out)
    whole = packed(folder) is not None
    if not whole:  # else it may be read-only
        check_folder(folder)
    plan = {
        "format": "glasskit-shards/1",
        "source": source.name,
        "identity": source.identity(),
        "shard_size": shard_size,
    }
    # The last shard that is there is written again: it may hold fewer than the others.
    number = max(0, next(n for n in count() if not _shard(folder, n).is_file()) - 1)
    done = number * shard_size
    members = source.members(done)
    # A source that can't be opened, or is empty, leaves no folder behind.
    first = [] if whole else list(islice(members, 1))
    if not whole and not first:
        raise InputError(f"{source.name}: there is no picture to pack")
    finished = _begin(folder, plan)
    if finished is not None:
        return finished
    members = chain(first, members)
    while wrote := _write_shard(_shard(folder, number), done, islice(members, shard_size)):
        number, done = number + 1, done + wrote
        if progress is not None:
            progress(done, source.total or 0)
    if entries := source.taxonomy():
        _write_text(folder / TAXONOMY, entries)
    _write_text(folder / PLAN, plan | {"shards": number, "pictures": done})
    return Packed(number, done)


def packed(out: str | Path) -> Packed | None:
    """What lies in a folder that is packed whole; None while it is not."""
    file = Path(out) / PLAN
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return Packed(known["shards"], known["pictures"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _begin(folder: Path, plan: dict[str, Any]) -> Packed | None:
    """Note what is packed here; what lies here if it is that, whole; refuse a folder of others."""
    file = folder / PLAN
    if not file.is_file():
        if next(folder.glob(f"*{END}"), None) is not None:
            raise InputError(f"{folder}: holds tar files of something else; choose another folder")
        _write_text(file, plan)
        return None
    try:
        known = read_json(file)
    except InputError as error:
        raise InputError(f"{error}; choose another folder") from error
    if not isinstance(known, dict) or any(known.get(key) != plan[key] for key in plan):
        raise InputError(
            f"{folder}: holds shards of another data set or size; choose another folder"
        )
    return packed(folder)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}{END}"


def _write_shard(file: Path, first: int, members: Iterator[Member]) -> int:
    """Write a tar whole or not at all; how many samples it holds. No samples, no tar."""
    from webdataset import TarWriter

    member = next(members, None)
    if member is None:
        return 0
    number = first
    # One owner and one time, so that equal pictures give equal bytes.
    with (
        atomic_write(file) as scratch,
        scratch.open("wb") as handle,
        TarWriter(handle, mtime=0, encoder=False) as tar,
    ):
        while member is not None:
            notes = json.dumps(member.notes, ensure_ascii=False).encode()
            tar.write({"__key__": f"{number:09d}", member.ending: member.data, "json": notes})
            number, member = number + 1, next(members, None)
    return number - first


def _write_text(file: Path, value: Any) -> None:
    write_text(file, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
