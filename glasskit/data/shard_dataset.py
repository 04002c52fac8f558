"""A grouped data set in WebDataset shards: its pictures are read from the tars where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.data.magic import read_taxonomy
from glasskit.data.magic_record import (
    PICTURE_KEYS,
    check_records,
    merge_levels,
    name_of,
    parse_record,
    tell_unknown,
    unknown_keys,
)
from glasskit.data.schema import SPLITS, Concept, Record
from glasskit.data.shard_index import Place, index_shards
from glasskit.data.shards import key_of, shard_names
from glasskit.errors import InputError
from glasskit.io.pictures import DECODER, decode_image

TAXONOMY = "taxonomy.json"
KEYS = (*PICTURE_KEYS, "concept", "split")


def read_shards(source: str | Path | Sequence[str | Path]) -> GroupedDataset:
    """A data set from shards whose json members are records of the MAGIC layout.

    Each record also names its ``concept``, and its ``split`` where that is not train. The concepts,
    their order, guides and hard negatives are those of ``taxonomy.json`` beside the first shard;
    without it they are what the records say.

    Args:
        source: what ``shard_names`` takes; local files.

    Raises:
        InputError: a shard is damaged, or a record is not in the layout; the line names them.
    """
    names = shard_names(source)
    beside = Path(names[0]).with_name(TAXONOMY)
    known = read_taxonomy(beside) if beside.is_file() else {}
    levels = {name: concept.levels for name, concept in known.items()}
    records: list[Record] = []
    places: list[tuple[int, Place]] = []
    unknown: list[str] = []
    for number, (shard, found) in enumerate(index_shards(names)):
        for place in found:
            where = f"{shard}: {place.member}.json"
            missing = [key for key in KEYS if key not in place.notes]
            unknown += unknown_keys(place.notes, KEYS, where, missing)
            record, own = _record(place, shard, where)
            merge_levels(levels, own, where)
            records.append(record)
            places.append((number, place._replace(notes={})))
    concepts = tuple(
        Concept(own, known[name].guide, known[name].hard_negatives)
        if name in known
        else Concept(own)
        for name, own in levels.items()
    )
    name = Path(names[0]).resolve().parent.name
    # A shard's pictures are members of a tar and not files: only equal numbers are one picture.
    check_records(str(source), concepts, records, lambda key, other: _number(key) != _number(other))
    tell_unknown(str(source), unknown)
    images = ShardImages(names, [record.key for record in records], places)
    return GroupedDataset(name=name, concepts=concepts, records=tuple(records), images=images)


class ShardImages:
    """Pictures by key, each read from its place in a tar.

    Args:
        shards: the tars.
        keys: of the pictures.
        places: the number of the tar and the place in it, one a key.

    A tar is opened for each picture: any number of threads and processes may read, and no more
    files are open than pictures are being read.
    """

    def __init__(
        self, shards: Sequence[str], keys: Sequence[str], places: Sequence[tuple[int, Place]]
    ) -> None:
        self.shards = [Path(shard) for shard in shards]
        stats = [path.stat() for path in self.shards]
        self._marks = [
            f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
            for path, stat in zip(self.shards, stats, strict=True)
        ]
        self._row = {key: row for row, key in enumerate(keys)}
        self._spans = np.array(
            [(number, place.offset, place.size) for number, place in places], dtype=np.int64
        ).reshape(-1, 3)
        self._members = [(place.member, place.ending) for _, place in places]

    def open(self, key: str, side: int = 0) -> Image.Image:
        row = self._of(key)
        member, ending = self._members[row]
        shard = self.shards[self._spans[row, 0]]
        return decode_image(self._bytes(row), f"{shard}: {member}.{ending}", side)

    def read(self, key: str) -> tuple[bytes, str]:
        row = self._of(key)
        return self._bytes(row), self._members[row][1]

    def size(self, key: str) -> int:
        return int(self._spans[self._of(key), 2])

    def fingerprint(self, key: str) -> str:
        number, offset, size = self._spans[self._of(key)]
        return f"{self._marks[number]}:{offset}:{size}:{DECODER}"

    def _of(self, key: str) -> int:
        try:
            return self._row[key]
        except KeyError:
            raise InputError(f"no picture {key!r} in these {len(self.shards)} shards") from None

    def _bytes(self, row: int) -> bytes:
        number, offset, size = self._spans[row]
        shard = self.shards[number]
        try:
            with shard.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise InputError(f"{shard}: cannot be read ({error.strerror})") from error
        if len(data) < size:
            raise InputError(f"{shard}: it is shorter than when it was indexed; load it anew")
        return data


def _number(key: str) -> int | str:
    return int(key) if key.isascii() and key.isdigit() and len(key) <= 12 else key


def _record(place: Place, shard: str, where: str) -> tuple[Record, tuple[str | None, ...]]:
    notes = place.notes
    if "concept" not in notes:
        raise InputError(
            f"{where}: no 'concept'; groups are made of records in the MAGIC layout "
            "(glasskit build makes them from captions, glasskit data pack writes shards)"
        )
    split = notes.get("split", "train")
    if split not in SPLITS:
        raise InputError(f"{where}: split {split!r}: choose one of {', '.join(SPLITS)}")
    picture = {"image": key_of(notes, shard, place.member), **notes}
    return parse_record(picture, name_of(notes, "concept", where), split, where)
