"""Captions to build a data set from: COCO captions JSON, a CSV, or pictures with .txt files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from glasskit.data.images import picture_name, scan_folder
from glasskit.data.magic_record import text_of
from glasskit.errors import InputError
from glasskit.io.json_files import read_json
from glasskit.io.pictures import printable
from glasskit.io.text_files import checked, lines_of, misspelt, plain_name, read_table, read_text

COCO_NAME = re.compile(r"(?:COCO_(?:val|train)2014_)?(\d{12})\.jpg")


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


class Captions(NamedTuple):
    """What a source holds.

    Attributes:
        photos: photographs with their captions, in the order of the source.
        notes: a line for each kind of thing that was left out or is doubtful, with how many.
    """

    photos: list[Photo]
    notes: tuple[str, ...]


def read_captions(source: Path) -> Captions:
    """Photographs with their captions, in the order of the source, and what was left out.

    Args:
        source: a COCO captions file (.json), a table (.csv or .tsv) with the columns image and
            caption and perhaps concept (one row a caption), or a folder of pictures, each with a
            .txt file of its name that holds a caption a line.

    Raises:
        InputError: the source is none of these, or a line of it is broken; the line is named.
    """
    ending = source.suffix.lower()
    if source.is_dir():
        found = _folder(source)
    elif not source.is_file():
        raise InputError(f"{source}: there is no such file or folder of captions")
    elif ending in (".csv", ".tsv"):
        found = _table(source)
    elif ending == ".json":
        found = _coco(source)
    else:
        raise InputError(
            f"{source}: give a COCO captions .json, a .csv with the columns image and caption, or "
            "a folder of pictures with .txt files"
        )
    if not found.photos:
        why = f" ({'; '.join(found.notes)})" if found.notes else ""
        raise InputError(f"{source}: there is no caption in it{why}")
    return found


def _coco(file: Path) -> Captions:
    value = read_json(file)
    if not isinstance(value, dict) or not isinstance(value.get("annotations"), list):
        near = misspelt("annotations", value) if isinstance(value, dict) else ""
        raise InputError(f"{file}: not COCO captions; there is no list 'annotations'{near}")
    pictures = value.get("images", [])
    if not isinstance(pictures, list):
        raise InputError(f"{file}: 'images' must be a list")
    names: dict[int, str] = {}
    for number, picture in enumerate(pictures):
        where = f"{file}: image {number + 1}"
        image = _id(picture, "id", where)
        if image in names:
            raise InputError(f"{where}: the id {image} comes twice")
        names[image] = text_of(picture, "file_name", where).strip()
    rows: list[tuple[str, str, str | None]] = []
    empty, captioned = [], set()
    for number, entry in enumerate(value["annotations"]):
        where = f"{file}: annotation {number + 1}"
        picture_id = _id(entry, "image_id", where)
        if isinstance(entry.get("caption"), str) and not entry["caption"].strip():
            empty.append(str(number + 1))
            continue
        captioned.add(picture_id)
        name = names.get(picture_id, f"{picture_id:012d}.jpg")
        # A COCO photograph is known by its id, so that either naming of its file is found.
        coco = COCO_NAME.fullmatch(name)
        key = str(int(coco[1])) if coco else name
        rows.append((key, text_of(entry, "caption", where), None))
    without = [name for image, name in names.items() if image not in captioned]
    notes = _counted(
        ("images left out, which have no caption", without),
        ("annotations left out, whose caption is empty", empty),
    )
    return Captions(_gather(rows, file), notes)


def _table(file: Path) -> Captions:
    rows: list[tuple[str, str, str | None]] = []
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
    notes = _counted(
        ("rows left out, which have no caption", empty),
        ("captions over several lines, where a double quote may be missing", broken),
    )
    return Captions(_gather(rows, file), notes)


def _folder(folder: Path) -> Captions:
    rows: list[tuple[str, str, str | None]] = []
    scan = scan_folder(folder)
    pictures: dict[str, list[str]] = {}
    for name in scan.pictures:
        pictures.setdefault(picture_name(name)[0], []).append(name)
    alone, empty, captioned = [], [], set()
    for name in (name for name in scan.others if name.lower().endswith(".txt")):
        path = folder / name
        beside = pictures.get(picture_name(name[: -len(".txt")])[0], [])
        if not beside:
            alone.append(printable(name))
            continue
        if len(beside) > 1:
            which = " or ".join(printable(name) for name in beside)
            raise InputError(
                f"{printable(path)}: is it the caption of {which}? Rename the other, or its .txt"
            )
        where = printable(path)
        captions = [checked(c.strip(), where, "caption") for c in lines_of(read_text(path))]
        if not any(captions):
            empty.append(printable(name))
            continue
        captioned.add(beside[0])
        rows += [(printable(beside[0]), caption, None) for caption in captions if caption]
    notes = _counted(
        (
            "pictures left out, which have no caption",
            [n for n in scan.pictures if n not in captioned],
        ),
        (".txt files left out, beside which there is no picture of their name", alone),
        (".txt files left out, which hold no caption", empty),
    )
    if rest := scan.rest(used=[".txt"]):
        notes += (rest,)
    return Captions(_gather(rows, folder), notes)


def _counted(*kinds: tuple[str, Sequence[str]]) -> tuple[str, ...]:
    """A line for each kind of which there are any."""
    return tuple(
        f"{kind}: {len(found):,}, first {printable(found[0])}" for kind, found in kinds if found
    )


def _gather(rows: Iterable[tuple[str, str, str | None]], source: Path) -> list[Photo]:
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
