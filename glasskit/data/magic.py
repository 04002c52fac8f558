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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import ImageSource
from glasskit.data.magic_record import (
    CONCEPT_KEYS,
    PICTURE_KEYS,
    TAXONOMY_KEYS,
    check_records,
    levels_of,
    list_of,
    merge_levels,
    name_of,
    names_of,
    parse_record,
    record_as_json,
    text_of,
    unknown_keys,
    warn_of_unknown,
)
from glasskit.data.schema import LEVELS, SPLITS, Concept, Levels, Record
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.places import write_text


class Found(NamedTuple):
    """A picture of a file, not yet checked.

    Attributes:
        picture: its JSON.
        concept: the concept that it stands under.
        split: train, val or test.
        where: begins the line of an error.
    """

    picture: Any
    concept: str
    split: str
    where: str


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
                    yield Found(picture, name, split, place)

    dataset = assemble(file, file.stem, found(), images, taxonomy, hard_negatives)
    warn_of_unknown(file, unknown)
    return dataset


def assemble(
    file: str | Path,
    name: str,
    found: Iterable[Found],
    images: ImageSource,
    taxonomy: Mapping[str, Concept],
    hard_negatives: Mapping[str, tuple[str, ...]] | None = None,
) -> GroupedDataset:
    """A data set of the pictures that a reader finds, whatever the layout.

    Args:
        file: begins the line of an error.
        name: of the data set.
        found: the pictures.
        images: where they come from.
        taxonomy: concepts that are known beforehand; it may have some without a picture.
        hard_negatives: of concepts, filled while ``found`` is read; by default the taxonomy's.

    Raises:
        InputError: a record is not in the layout; the line names it.
    """
    levels: dict[str, Levels] = {name: concept.levels for name, concept in taxonomy.items()}
    records: list[Record] = []
    for item in found:
        record, own = parse_record(*item)
        records.append(record)
        merge_levels(levels, own, f"{item.where}, image {record.key!r}")
    near = {name: concept.hard_negatives for name, concept in taxonomy.items()}
    near |= hard_negatives or {}
    concepts = tuple(
        Concept(
            levels.get(name, (name, None, None, None)),
            taxonomy[name].guide if name in taxonomy else "",
            near.get(name, ()),
        )
        for name in dict.fromkeys([*levels, *near])
    )
    check_records(file, concepts, records, images)
    return GroupedDataset(name=name, concepts=concepts, records=tuple(records), images=images)


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
        guide = text_of(entry, "guide", where) if entry.get("guide") else ""
        near = names_of(entry, "hard_negative", where)
        concepts[name] = Concept(levels_of(entry, name, where), guide, near)
    warn_of_unknown(file, unknown)
    return concepts


def _json_list(file: Path) -> list[Any]:
    value = read_json(file)
    if not isinstance(value, list):
        raise InputError(f"{file}: the top of the file must be a list of concepts")
    return value
