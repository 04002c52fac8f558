"""Reader, validator and writer of the MAGIC layout: one JSON file of concepts with their pictures.

A list of concepts {"concept", "hard_negative": [names], "train_images": [...], "val_images": [...],
"test_images": [...]}. A picture: {"image": COCO id or file name, "old_captions": [literal caption,
paraphrases], "new_captions": [theme captions], "level1".."level4", "also": [concepts], "negation",
"cluster": a text that pictures share which are not independent, such as those of one burst or one
photographer}. The layout is that of the public CLEAR GLASS code (arXiv 2509.12771); val_images,
also, negation and cluster are additions and may be missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, ImageSource
from glasskit.data.magic_record import (
    CONCEPT_KEYS,
    PICTURE_KEYS,
    TAXONOMY_KEYS,
    check_records,
    list_of,
    merge_levels,
    name_of,
    names_of,
    parse_record,
    record_as_json,
    tell_unknown,
    text_of,
    unknown_keys,
)
from glasskit.data.schema import LEVELS, SPLITS, Concept, Record
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.places import write_text


def read_magic(file: str | Path, images: ImageSource) -> GroupedDataset:
    """Read and check a data set in the MAGIC layout.

    Args:
        file: the JSON file.
        images: where its pictures come from.

    The levels of concepts are those of ``taxonomy.json`` beside the file, a JSON list of
    {"level1".."level4", "guide"}, or else what the records themselves say.

    Raises:
        InputError: the file is not in the layout; the line names the file and the record.
    """
    file = Path(file)
    entries = _json_list(file)
    beside = file.with_name("taxonomy.json")
    known = read_taxonomy(beside) if beside.is_file() and beside != file else {}
    levels = {name: concept.levels for name, concept in known.items()}
    records: list[Record] = []
    hard_negatives: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []
    for number, entry in enumerate(entries):
        where = f"{file}: concept {number + 1}"
        unknown += unknown_keys(entry, CONCEPT_KEYS, where)
        name = name_of(entry, "concept", where)
        where = f"{file}: concept {name!r}"
        if name in hard_negatives:
            raise InputError(f"{where}: it comes twice; join the two entries")
        hard_negatives[name] = names_of(entry, "hard_negative", where)
        for split in SPLITS:
            for picture in list_of(entry, f"{split}_images", where):
                unknown += unknown_keys(picture, PICTURE_KEYS, f"{where}, {split}_images")
                record, own = parse_record(picture, name, split, f"{where}, {split}_images")
                records.append(record)
                merge_levels(levels, own, f"{where}, image {record.key!r}")
    guides = {name: concept.guide for name, concept in known.items()}
    concepts = tuple(
        Concept(levels.get(name, (name, None, None, None)), guides.get(name, ""), near)
        for name, near in (
            # A taxonomy is the whole choice: it may have concepts that this file has no picture of.
            dict.fromkeys(levels, ()) | hard_negatives
        ).items()
    )
    differ = {"differ": images.differ} if isinstance(images, FolderImages) else {}
    check_records(file, concepts, records, **differ)
    tell_unknown(file, unknown)
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
                f"{split}_images": [record_as_json(r, concept) for r in own if r.split == split]
                for split in SPLITS
            }
        )
    taxonomy = [concept_as_json(concept) for concept in dataset.concepts]
    for path, value in ((file, entries), (file.with_name("taxonomy.json"), taxonomy)):
        write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def concept_as_json(concept: Concept) -> dict[str, Any]:
    """An entry of ``taxonomy.json``."""
    return dict(zip(LEVELS, concept.levels, strict=True)) | {"guide": concept.guide}


def read_taxonomy(file: Path) -> dict[str, Concept]:
    """The concepts of a ``taxonomy.json`` by name, in its order.

    Raises:
        InputError: the file is not a list of concepts; the line names the entry.
    """
    concepts: dict[str, Concept] = {}
    unknown: list[str] = []
    for number, entry in enumerate(_json_list(file)):
        where = f"{file}: entry {number + 1}"
        unknown += unknown_keys(entry, TAXONOMY_KEYS, where)
        name = name_of(entry, "level1", where)
        if name in concepts:
            raise InputError(f"{where}: concept {name!r} comes twice")
        higher = (
            name_of(entry, level, where) if entry.get(level) is not None else None
            for level in LEVELS[1:]
        )
        guide = text_of(entry, "guide", where) if entry.get("guide") else ""
        near = names_of(entry, "hard_negative", where)
        concepts[name] = Concept((name, *higher), guide, near)
    tell_unknown(file, unknown)
    return concepts


def _json_list(file: Path) -> list[Any]:
    value = read_json(file)
    if not isinstance(value, list):
        raise InputError(f"{file}: the top of the file must be a list of concepts")
    return value
