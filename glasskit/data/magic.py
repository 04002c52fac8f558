"""Reader, validator and writer of the MAGIC layout: one JSON file of concepts with their pictures.

A list of concepts {"concept", "hard_negative": [names], "train_images": [...], "val_images": [...],
"test_images": [...]}. A picture: {"image": COCO id or file name, "old_captions": [literal caption,
paraphrases], "new_captions": [theme captions], "level1".."level4", "also": [concepts], "negation"}.
The layout is that of the public CLEAR GLASS code (arXiv 2509.12771); val_images, also and negation
are additions and may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import ImageSource, coco_id
from glasskit.data.schema import LEVELS, SPLITS, Concept, Record
from glasskit.errors import InputError


def read_magic(
    file: str | Path, images: ImageSource, taxonomy: str | Path | None = None
) -> GroupedDataset:
    """Read and check a data set in the MAGIC layout.

    Args:
        file: the JSON file.
        images: where its pictures come from.
        taxonomy: a JSON list of {"level1".."level4", "guide"}; by default ``taxonomy.json`` beside
            the file, or else what the records themselves say.

    Raises:
        InputError: the file is not in the layout; the line names the file and the record.
    """
    file = Path(file)
    entries = _json_list(file)
    beside = file.with_name("taxonomy.json")
    if taxonomy is None and beside.is_file() and beside != file:
        taxonomy = beside
    levels, guides = _read_taxonomy(Path(taxonomy)) if taxonomy is not None else ({}, {})
    records: list[Record] = []
    hard_negatives: dict[str, tuple[str, ...]] = {}
    for number, entry in enumerate(entries):
        where = f"{file}: concept {number + 1}"
        name = _text(entry, "concept", where)
        where = f"{file}: concept {name!r}"
        if name in hard_negatives:
            raise InputError(f"{where}: it comes twice; join the two entries")
        hard_negatives[name] = _texts(entry, "hard_negative", where)
        for split in SPLITS:
            for picture in _list(entry, f"{split}_images", where):
                record, own = _record(picture, name, split, f"{where}, {split}_images")
                records.append(record)
                _merge_levels(levels, own, f"{where}, image {record.key!r}")
    concepts = tuple(
        Concept(levels.get(name, (name, None, None, None)), guides.get(name, ""), near)
        for name, near in (
            # A taxonomy is the whole choice: it may have concepts that this file has no picture of.
            dict.fromkeys(levels, ()) | hard_negatives
        ).items()
    )
    _check(file, concepts, records)
    return GroupedDataset(name=file.stem, concepts=concepts, records=tuple(records), images=images)


def write_magic(dataset: GroupedDataset, file: str | Path) -> None:
    """Write a data set in the MAGIC layout, with ``taxonomy.json`` beside it.

    Raises:
        InputError: the place cannot be written.
    """
    file = Path(file)
    entries: list[dict[str, Any]] = []
    for concept in dataset.concepts:
        own = [record for record in dataset.records if record.concept == concept.name]
        entries.append(
            {"concept": concept.name, "hard_negative": list(concept.hard_negatives)}
            | {
                f"{split}_images": [_as_json(r, concept) for r in own if r.split == split]
                for split in SPLITS
            }
        )
    taxonomy = [
        dict(zip(LEVELS, concept.levels, strict=True)) | {"guide": concept.guide}
        for concept in dataset.concepts
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for path, value in ((file, entries), (file.with_name("taxonomy.json"), taxonomy)):
            text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror})") from error


def _as_json(record: Record, concept: Concept) -> dict[str, Any]:
    key: int | str = record.key
    if record.key.isdigit() and str(int(record.key)) == record.key:
        key = int(record.key)
    out: dict[str, Any] = {
        "image": key,
        "old_captions": list(record.literal),
        "new_captions": list(record.theme),
        **{level: name for level, name in zip(LEVELS, concept.levels, strict=True) if name},
        "also": list(record.also),
    }
    return out | ({"negation": record.negation} if record.negation else {})


def _record(
    picture: Any, concept: str, split: str, where: str
) -> tuple[Record, tuple[str | None, ...]]:
    """One record and the levels that it names."""
    if not isinstance(picture, dict):
        raise InputError(f"{where}: a picture must be an object, not {type(picture).__name__}")
    key = picture.get("image")
    whole = isinstance(key, int) and not isinstance(key, bool) and key >= 0
    if not whole and not (isinstance(key, str) and key.strip()):
        raise InputError(f"{where}: a picture has no 'image' (a COCO id or a file name)")
    where = f"{where}, image {key!r}"
    literal = _texts(picture, "old_captions", where)
    if not literal:
        raise InputError(f"{where}: 'old_captions' is empty; give at least a literal caption")
    level1 = picture.get("level1", concept)
    if level1 != concept:
        raise InputError(f"{where}: level1 is {level1!r} but it stands under concept {concept!r}")
    negation = picture.get("negation")
    record = Record(
        key=str(key),
        concept=concept,
        literal=literal,
        theme=_texts(picture, "new_captions", where),
        also=_texts(picture, "also", where),
        negation=_text(picture, "negation", where) if negation is not None else None,
        split=split,
    )
    higher = tuple(
        _text(picture, level, where) if picture.get(level) is not None else None
        for level in LEVELS[1:]
    )
    return record, (concept, *higher)


def _merge_levels(
    levels: dict[str, tuple[str | None, ...]], own: tuple[str | None, ...], where: str
) -> None:
    """Keep what a record says of its concept's levels; two that differ are an error."""
    known = levels.setdefault(own[0], own)
    for level, old, new in zip(LEVELS, known, own, strict=True):
        if old is not None and new is not None and old != new:
            raise InputError(f"{where}: {level} is {new!r}, elsewhere it is {old!r}")
    levels[own[0]] = tuple(old or new for old, new in zip(known, own, strict=True))


def _check(file: Path, concepts: Sequence[Concept], records: Sequence[Record]) -> None:
    """Rules that need the whole file."""
    if not records:
        raise InputError(f"{file}: there is no picture in it")
    names = {concept.name for concept in concepts}
    for concept in concepts:
        for name in concept.hard_negatives:
            if name == concept.name:
                raise InputError(f"{file}: concept {name!r}: it is its own hard negative")
            if name not in names:
                raise InputError(
                    f"{file}: concept {concept.name!r}: hard negative {name!r} is not a concept"
                )
    seen: dict[str, Record] = {}
    for record in records:
        where = f"{file}: concept {record.concept!r}, image {record.key!r}"
        picture = coco_id(record.key) or record.key  # 7 and 000000000007 are one photograph
        if picture in seen:
            other = seen[picture]
            raise InputError(
                f"{where}: it stands also in {other.split}_images of {other.concept!r}; "
                "a picture has one concept (name others in 'also') and one split"
            )
        seen[picture] = record
        for name in record.also:
            if name not in names:
                raise InputError(f"{where}: 'also' names {name!r}, which is not a concept")


def _read_taxonomy(file: Path) -> tuple[dict[str, tuple[str | None, ...]], dict[str, str]]:
    levels, guides = {}, {}
    for number, entry in enumerate(_json_list(file)):
        where = f"{file}: entry {number + 1}"
        name = _text(entry, "level1", where)
        if name in levels:
            raise InputError(f"{where}: concept {name!r} comes twice")
        higher = (
            _text(entry, level, where) if entry.get(level) is not None else None
            for level in LEVELS[1:]
        )
        levels[name] = (name, *higher)
        guides[name] = _text(entry, "guide", where) if entry.get("guide") else ""
    return levels, guides


def _json_list(file: Path) -> list[Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file") from None
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(f"{file}: not readable JSON ({error})") from error
    if not isinstance(value, list):
        raise InputError(f"{file}: the top of the file must be a list of concepts")
    return value


def _list(entry: dict[str, Any], key: str, where: str) -> list[Any]:
    value = entry.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{where}: {key!r} must be a list, not {type(value).__name__}")
    return value


def _text(entry: Any, key: str, where: str) -> str:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be an object, not {type(entry).__name__}")
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key!r} must be a text and not empty")
    return value


def _texts(entry: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    values = _list(entry, key, where)
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{where}: {key!r} must hold texts that are not empty")
    return tuple(values)
