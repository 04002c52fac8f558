"""Captions to build a data set from: COCO captions JSON, a CSV, or pictures with .txt files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasskit.data.images import picture_name, scan_folder
from glasskit.data.magic_record import list_of, text_of
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.text_files import (
    checked,
    lines_of,
    misspelt,
    plain_name,
    printable,
    read_table,
    read_text,
)

COCO_NAME = re.compile(r"(?:COCO_(?:val|train)2014_)?(\d{12})\.jpg")

Row = tuple[str, str, str | None]
"""Key of a photograph, one of its captions, its label."""
LeftOut = dict[str, list[str]]
"""What is left out or doubtful, and where it stands."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph with its captions.

    Args:
        key: COCO id, or file name in the folder of pictures.
        captions: what is said of it; the first counts as the literal caption.
        label: the concept that somebody gave it, or None; only measured against, never used.
    """

    key: str
    captions: tuple[str, ...]
    label: str | None = None


def read_captions(source: Path) -> tuple[list[Photo], tuple[str, ...]]:
    """Photographs with their captions, in the order of the source, and notes.

    A note is a line for one kind of thing that was left out or is doubtful, with how many.

    Args:
        source: a COCO captions file (.json), a table (.csv or .tsv) with the columns image and
            caption and perhaps concept (one row a caption), or a folder of pictures, each with a
            .txt file of its name that holds a caption a line.

    Raises:
        InputError: the source is none of these, or a line of it is broken; the line is named.
    """
    ending = source.suffix.lower()
    if source.is_dir():
        rows, left_out, rest = _folder(source)
    elif not source.is_file():
        raise InputError(f"{source}: there is no such file or folder of captions")
    elif ending in (".csv", ".tsv"):
        rows, left_out, rest = *_table(source), ""
    elif ending == ".json":
        rows, left_out, rest = *_coco(source), ""
    else:
        raise InputError(
            f"{source}: give a COCO captions .json, a .csv with the columns image and caption, or "
            "a folder of pictures with .txt files"
        )
    notes = [
        f"{kind}: {len(places):,}, first {printable(places[0])}"
        for kind, places in left_out.items()
        if places
    ]
    notes += [rest] if rest else []
    photos = _gather(rows, source)
    if not photos:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise InputError(f"{source}: there is no caption in it{why}")
    return photos, tuple(notes)


def _coco(file: Path) -> tuple[list[Row], LeftOut]:
    value = read_json(file)
    if not isinstance(value, dict) or not isinstance(value.get("annotations"), list):
        near = misspelt("annotations", value) if isinstance(value, dict) else ""
        raise InputError(f"{file}: not COCO captions; there is no list 'annotations'{near}")
    names: dict[int, str] = {}
    for number, picture in enumerate(list_of(value, "images", str(file)), start=1):
        where = f"{file}: image {number}"
        image = _id(picture, "id", where)
        if image in names:
            raise InputError(f"{where}: the id {image} comes twice")
        names[image] = text_of(picture, "file_name", where).strip()
    rows: list[Row] = []
    empty, captioned = [], set()
    for number, entry in enumerate(value["annotations"], start=1):
        where = f"{file}: annotation {number}"
        image = _id(entry, "image_id", where)
        if isinstance(entry.get("caption"), str) and not entry["caption"].strip():
            empty.append(str(number))
            continue
        captioned.add(image)
        name = names.get(image, f"{image:012d}.jpg")
        # A COCO photograph is known by its id, so that either naming of its file is found.
        coco = COCO_NAME.fullmatch(name)
        key = str(int(coco[1])) if coco else name
        rows.append((key, text_of(entry, "caption", where), None))
    return rows, {
        "images left out, which have no caption": [
            name for image, name in names.items() if image not in captioned
        ],
        "annotations left out, whose caption is empty": empty,
    }


def _table(file: Path) -> tuple[list[Row], LeftOut]:
    rows: list[Row] = []
    empty, broken = [], []
    for line, row in read_table(file, ("image", "caption"), ("concept",)):
        where = f"{file}: line {line}"
        image = text_of(row, "image", where).strip()
        if not row["caption"].strip():
            empty.append(f"line {line}")
            continue
        caption = text_of(row, "caption", where)
        if lines_of(caption.strip())[1:]:
            broken.append(f"line {line}")
        label = checked(row.get("concept", ""), where, "concept")
        rows.append((image, caption, plain_name(label) or None))
    return rows, {
        "rows left out, which have no caption": empty,
        "captions over several lines, where a double quote may be missing": broken,
    }


def _folder(folder: Path) -> tuple[list[Row], LeftOut, str]:
    rows: list[Row] = []
    scan = scan_folder(folder)
    pictures: dict[str, list[str]] = {}
    for name in scan.pictures:
        pictures.setdefault(picture_name(name)[0], []).append(name)
    alone, empty, captioned = [], [], set()
    for name in (name for name in scan.others if name.lower().endswith(".txt")):
        where = printable(folder / name)
        beside = pictures.get(picture_name(name[: -len(".txt")])[0], [])
        if not beside:
            alone.append(name)
            continue
        if len(beside) > 1:
            which = " or ".join(map(printable, beside))
            raise InputError(
                f"{where}: is it the caption of {which}? Rename the other, or its .txt"
            )
        lines = map(str.strip, lines_of(read_text(folder / name)))
        captions = [checked(line, where, "caption") for line in lines if line]
        if not captions:
            empty.append(name)
            continue
        captioned.add(beside[0])
        rows += [(printable(beside[0]), caption, None) for caption in captions]
    left_out = {
        "pictures left out, which have no caption": [
            name for name in scan.pictures if name not in captioned
        ],
        ".txt files left out, beside which there is no picture of their name": alone,
        ".txt files left out, which hold no caption": empty,
    }
    return rows, left_out, scan.rest(used=[".txt"])


def _gather(rows: Iterable[Row], source: Path) -> list[Photo]:
    """One photograph a key, with its distinct captions in order."""
    captions: dict[str, dict[str, None]] = {}
    labels: dict[str, str | None] = {}
    for key, caption, label in rows:
        captions.setdefault(key, {})[" ".join(caption.split())] = None
        known = labels.setdefault(key, label)
        if known is not None and label is not None and known != label:
            raise InputError(f"{source}: image {key!r} has two concepts, {known!r} and {label!r}")
        labels[key] = known or label
    return [Photo(key, tuple(texts), labels[key]) for key, texts in captions.items()]


def _id(entry: Any, key: str, where: str) -> int:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"{where}: {key!r} must be a whole number")
    return value
