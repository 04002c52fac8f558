"""Where each picture of a shard lies, so that a data set can be read in any order.

One pass over a tar reads its headers and the json members, and steps over the pictures. What it
finds is kept in the cache under the tar's path, size and time, so that it is done once. Several
processes that start together begin at different shards and use what another has done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from glasskit.data.shards import WEB, headers, member_of, parse_notes, picture_member
from glasskit.errors import InputError, launched, rank
from glasskit.io.places import cache_folder, write_text

FORMAT = 2


class Place(NamedTuple):
    """One sample of a shard.

    Attributes:
        member: its name without endings.
        ending: of the picture's file, such as ``jpg``.
        offset: byte of the tar at which the picture's file begins.
        size: its bytes.
        notes: the object of its json; empty where it has none.
    """

    member: str
    ending: str
    offset: int
    size: int
    notes: dict[str, Any]


def index_shards(shards: Sequence[str]) -> Iterator[tuple[str, list[Place]]]:
    """(shard, its samples in order) of each shard, in order, one in memory at a time.

    Args:
        shards: local tar files.

    Raises:
        InputError: a shard is an address, is damaged, or has a sample without a picture or with a
            json that is none.
    """
    for shard in shards:
        if shard.startswith(WEB):
            raise InputError(
                f"{shard}: pictures of groups are read in any order, which an address does not "
                "allow; copy the shards to a disk (glasskit embed reads addresses)"
            )
    first = len(shards) * rank() // launched()
    for shard in (*shards[first:], *shards[:first]):
        if not _kept(shard).is_file():
            index_shard(shard)
    for shard in shards:
        yield shard, index_shard(shard)


def index_shard(shard: str) -> list[Place]:
    """The samples of one tar in order, from the cache or by a pass over it."""
    file = _kept(shard)
    try:
        return [Place(*row) for row in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError):  # not there yet, or not whole: it can be made again
        pass
    places = _read(shard)
    write_text(file, json.dumps(places))
    return places


def _kept(shard: str) -> Path:
    """The file of the cache in which a shard's index is kept."""
    path = Path(shard)
    stat = path.stat()
    identity = f"{FORMAT}:{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
    return cache_folder("shards") / f"{hashlib.sha256(identity.encode()).hexdigest()[:40]}.json"


def _read(shard: str) -> list[Place]:
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    notes: dict[str, dict[str, Any]] = {}
    for header, tar in headers(shard):
        member, ending = member_of(header.name)
        if not member:
            continue
        parts = samples.setdefault(member, {})
        if ending in parts:
            raise InputError(f"{shard}: {header.name}: the member comes twice")
        parts[ending] = header.offset_data, header.size
        if ending == "json":
            data = tar.extractfile(header).read()
            notes[member] = parse_notes(data, f"{shard}: {header.name}")
    places = []
    for member, parts in samples.items():
        ending = picture_member(parts, f"{shard}: {member}")
        places.append(Place(member, ending, *parts[ending], notes.get(member, {})))
    return places
