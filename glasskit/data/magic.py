"""Reader, validator and writer of the MAGIC layout: one JSON file of concepts with their pictures.

A list of concepts {"concept", "hard_negative": [names], "train_images": [...], "val_images": [...],
"test_images": [...]}. A picture: {"image": COCO id or file name, "old_captions": [literal caption,
paraphrases], "new_captions": [theme captions], "level1".."level4", "also": [concepts], "negation",
"cluster": a text that pictures share which are not independent, such as those of one burst or one
photographer}. The layout is that of the public CLEAR GLASS code (arXiv 2509.12771); val_images,
also, negation and cluster are additions and may be missing, and so may what `magic_record` adds for
pictures with several labels. Such a picture stands under each of its concepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glasskit.data.assemble import Found, assemble
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import ImageSource
from glasskit.data.magic_record import (
    CONCEPT_KEYS,
    PICTURE_KEYS,
    TAXONOMY_KEYS,
    levels_of,
    list_of,
    name_of,
    names_of,
    parse_record,
    record_as_json,
    text_of,
    unknown_keys,
    warn_of_unknown,
)
from glasskit.data.schema import LEVELS, SPLITS, Concept
from glasskit.errors import InputError
from glasskit.io.json_files import read_json, write_json


def read_magic(file: str | Path, images: ImageSource, entries: Any = None) -> GroupedDataset:
    """Read and check a data set in the MAGIC layout.

    Args:
        file: the JSON file.
        images: where its pictures come from.
        entries: what the file holds, where it was read already.

    The levels of concepts are those of ``taxonomy.json`` beside the file, a JSON list of
    {"level1".."level4", "guide"}, or else what the records themselves say.

    Raises:
        InputError: the file is not in the layout; the line names the file and the record.
    """
    file = Path(file)
    entries = _list(read_json(file) if entries is None else entries, file)
    beside = file.with_name("taxonomy.json")
    taxonomy = read_taxonomy(beside) if beside.is_file() and beside != file else {}
    hard_negatives: dict[str, tuple[str, ...]] = {}
    unknown: list[str] = []

    def found() -> Iterator[Found]:
        for number, entry in enumerate(entries, start=1):
            where = f"{file}: concept {number}"
            unknown.extend(unknown_keys(entry, CONCEPT_KEYS, where))
            name = name_of(entry, "concept", where)
            where = f"{file}: concept {name!r}"
            if name in hard_negatives:
                raise InputError(f"{where}: it comes twice; join the two entries")
            hard_negatives[name] = names_of(entry, "hard_negative", where)
            for split in SPLITS:
                place = f"{where}, {split}_images"
                for picture in list_of(entry, f"{split}_images", where):
                    unknown.extend(unknown_keys(picture, PICTURE_KEYS, place))
                    record, levels = parse_record(picture, name, split, place)
                    yield Found(record, name, levels, place)

    dataset = assemble(file, file.stem, found(), images, taxonomy, hard_negatives)
    warn_of_unknown(file, unknown)
    return dataset


def write_magic(dataset: GroupedDataset, file: str | Path) -> None:
    """Write a data set in the MAGIC layout, with ``taxonomy.json`` beside it.

    Raises:
        InputError: the place cannot be written.
    """
    file = Path(file)
    entries: list[dict[str, Any]] = []
    for concept in dataset.concepts:
        own = [record for record in dataset.records if concept.name in record.labels]
        entries.append(
            {"concept": concept.name, "hard_negative": list(concept.hard_negatives)}
            | {
                f"{split}_images": [record_as_json(r, concept) for r in own if r.split == split]
                for split in SPLITS
            }
        )
    taxonomy = [concept_as_json(concept) for concept in dataset.concepts]
    write_json(file, entries)
    write_json(file.with_name("taxonomy.json"), taxonomy)


def concept_as_json(concept: Concept) -> dict[str, Any]:
    """An entry of ``taxonomy.json``."""
    named: dict[str, Any] = dict(zip(LEVELS, concept.levels, strict=True))
    near = {"hard_negative": list(concept.hard_negatives)} if concept.hard_negatives else {}
    return named | {"guide": concept.guide} | near


def read_taxonomy(file: Path) -> dict[str, Concept]:
    """The concepts of a ``taxonomy.json`` by name, in its order.

    Raises:
        InputError: the file is not a list of concepts; the line names the entry.
    """
    return taxonomy_of(_list(read_json(file), file), file)


def taxonomy_of(entries: list[Any], file: Path) -> dict[str, Concept]:
    """The concepts of a list of {"level1".."level4", "guide", "hard_negative"} by name."""
    concepts: dict[str, Concept] = {}
    unknown: list[str] = []
    for number, entry in enumerate(entries):
        where = f"{file}: entry {number + 1}"
        unknown += unknown_keys(entry, TAXONOMY_KEYS, where)
        name = name_of(entry, "level1", where)
        if name in concepts:
            raise InputError(f"{where}: concept {name!r} comes twice")
        guide = text_of(entry, "guide", where) if entry.get("guide") else ""
        near = names_of(entry, "hard_negative", where)
        concepts[name] = Concept(levels_of(entry, name, where), guide, near)
    warn_of_unknown(file, unknown)
    return concepts


def _list(value: Any, file: Path) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{file}: the top of the file must be a list of concepts")
    return value
