"""Reader, validator and writer of the pictures layout: one JSON file of pictures with their labels.

{"taxonomy": [{"level1".."level4", "guide", "hard_negative"}], "pictures": [...]}. A picture:
{"image": COCO id or file name, "split": train, val or test, "labels": [level-1 names, the strongest
first], "themes": {label: sentence or list of them}, "not_labels": [near misses], "captions":
[literal caption, paraphrases], "general": sentence or list of them, whichever label is meant,
"negation", "also", "cluster"}. "image", "labels" and "captions" have to be there. Without a
taxonomy the labels of the pictures are the concepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glasskit.data.assemble import Found, assemble
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import ImageSource
from glasskit.data.magic import concept_as_json, taxonomy_of
from glasskit.data.magic_record import (
    key_as_json,
    key_of,
    list_of,
    names_of,
    record_of,
    split_of,
    unknown_keys,
    warn_of_unknown,
)
from glasskit.data.schema import Record
from glasskit.errors import InputError
from glasskit.io.json_files import write_json

KEYS = (
    *("image", "split", "labels", "themes", "not_labels", "captions", "general", "negation"),
    *("also", "cluster"),
)


def read_pictures(file: str | Path, images: ImageSource, content: Any) -> GroupedDataset:
    """Check what a file in the pictures layout holds and make a data set of it.

    Args:
        file: the JSON file, for its name and for errors.
        images: where its pictures come from.
        content: what it holds.

    Raises:
        InputError: it is not in the layout; the line names the file and the record.
    """
    file = Path(file)
    if not isinstance(content, dict) or "pictures" not in content:
        raise InputError(
            f"{file}: neither a list of concepts (MAGIC layout) nor an object with 'taxonomy' and "
            "'pictures' (pictures layout)"
        )
    taxonomy = taxonomy_of(list_of(content, "taxonomy", str(file)), file)
    unknown = unknown_keys(content, ("taxonomy", "pictures"), str(file))
    keys: set[str] = set()

    def found() -> Iterator[Found]:
        for number, picture in enumerate(list_of(content, "pictures", str(file)), start=1):
            where = f"{file}: picture {number}"
            unknown.extend(unknown_keys(picture, KEYS, where))
            record = _parse(picture, where)
            if record.key in keys:
                raise InputError(f"{where}: image {record.key!r} comes twice; join the two entries")
            keys.add(record.key)
            yield Found(record, record.concept, None, where)

    dataset = assemble(file, file.stem, found(), images, taxonomy)
    warn_of_unknown(file, unknown)
    return dataset


def write_pictures(dataset: GroupedDataset, file: str | Path) -> None:
    """Write a data set in the pictures layout.

    Raises:
        InputError: the place cannot be written.
    """
    content = {
        "taxonomy": [concept_as_json(concept) for concept in dataset.concepts],
        "pictures": [_as_json(record) for record in dataset.records],
    }
    write_json(file, content)


def _parse(picture: Any, where: str) -> Record:
    key, where = key_of(picture, where)
    labels = names_of(picture, "labels", where)
    if not labels:
        raise InputError(f"{where}: 'labels' is empty; give at least one")
    if len(set(labels)) < len(labels):
        raise InputError(f"{where}: 'labels' names one twice")
    split = split_of(picture, where)
    return record_of(picture, key, labels, split, ("captions", "general"), where)


def _as_json(record: Record) -> dict[str, Any]:
    themes = {name: list(texts) for name, texts in record.label_themes.items()}
    out = {
        "image": key_as_json(record.key),
        "split": record.split,
        "labels": list(record.labels),
        "themes": themes,
        "not_labels": list(record.not_labels),
        "captions": list(record.literal),
        "general": list(record.theme),
        "negation": record.negation,
        "also": list(record.also),
        "cluster": record.cluster,
    }
    return {name: value for name, value in out.items() if value}
