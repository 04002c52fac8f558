"""Captions to build a data set from: COCO captions JSON, a CSV, or pictures with .txt files."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasskit.data.images import picture_name, scan_folder
from glasskit.errors import InputError
from glasskit.json_files import read_json
from glasskit.pictures import printable

log = logging.getLogger("glasskit")

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


def read_captions(source: Path) -> list[Photo]:
    """Photographs with their captions, in the order of the source.

    Args:
        source: a COCO captions file (.json), a table (.csv) with the columns image and caption and
            perhaps concept (one row a caption), or a folder of pictures, each with a .txt file of
            its name that holds a caption a line.

    Raises:
        InputError: the source is none of these, or a line of it is broken; the line is named.
    """
    if source.is_dir():
        photos = _folder(source)
    elif not source.is_file():
        raise InputError(f"{source}: there is no such file or folder of captions")
    elif source.suffix.lower() == ".csv":
        photos = _csv(source)
    elif source.suffix.lower() == ".json":
        photos = _coco(source)
    else:
        raise InputError(
            f"{source}: give a COCO captions .json, a .csv with the columns image and caption, or "
            "a folder of pictures with .txt files"
        )
    if not photos:
        raise InputError(f"{source}: there is no caption in it")
    return photos


def _coco(file: Path) -> list[Photo]:
    value = read_json(file)
    if not isinstance(value, dict) or not isinstance(value.get("annotations"), list):
        raise InputError(f"{file}: not COCO captions; there is no list 'annotations'")
    pictures = value.get("images", [])
    if not isinstance(pictures, list):
        raise InputError(f"{file}: 'images' must be a list")
    names: dict[int, str] = {}
    for number, picture in enumerate(pictures):
        where = f"{file}: image {number + 1}"
        names[_id(picture, "id", where)] = _text(picture, "file_name", where)
    rows: list[tuple[str, str, str | None]] = []
    for number, entry in enumerate(value["annotations"]):
        where = f"{file}: annotation {number + 1}"
        picture_id = _id(entry, "image_id", where)
        name = names.get(picture_id, f"{picture_id:012d}.jpg")
        # A COCO photograph is known by its id, so that either naming of its file is found.
        coco = COCO_NAME.fullmatch(name)
        key = str(int(coco[1])) if coco else name
        rows.append((key, _text(entry, "caption", where), None))
    return _gather(rows, file)


def _csv(file: Path) -> list[Photo]:
    rows: list[tuple[str, str, str | None]] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            table = csv.DictReader(handle)
            missing = {"image", "caption"} - set(table.fieldnames or ())
            if missing:
                raise InputError(f"{file}: the column {min(missing)!r} is missing")
            for row in table:
                where = f"{file}: line {table.line_num}"
                label = (row.get("concept") or "").strip() or None
                rows.append((_text(row, "image", where), _text(row, "caption", where), label))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{file}: not a readable CSV in UTF-8 ({error})") from error
    return _gather(rows, file)


def _folder(folder: Path) -> list[Photo]:
    rows: list[tuple[str, str, str | None]] = []
    scan = scan_folder(folder)
    pictures: dict[str, list[str]] = {}
    for name in scan.pictures:
        pictures.setdefault(picture_name(name)[0], []).append(name)
    for name in (name for name in scan.others if name.lower().endswith(".txt")):
        path = folder / name
        beside = pictures.get(picture_name(name[: -len(".txt")])[0], [])
        if not beside:
            raise InputError(f"{printable(path)}: there is no picture of this name beside it")
        if len(beside) > 1:
            which = " or ".join(printable(name) for name in beside)
            raise InputError(
                f"{printable(path)}: is it the caption of {which}? Rename the other, or its .txt"
            )
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (UnicodeDecodeError, OSError) as error:
            raise InputError(
                f"{printable(path)}: not a readable text in UTF-8 ({error})"
            ) from error
        captions = [line.strip() for line in lines if line.strip()]
        if not captions:
            raise InputError(f"{printable(path)}: it holds no caption")
        key = printable(beside[0])
        rows += [(key, caption, None) for caption in captions]
    if rest := scan.rest(used=[".txt"]):
        log.warning("%s: %d pictures; %s", printable(folder), len(scan.pictures), rest)
    return _gather(rows, folder)


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


def _text(entry: Any, key: str, where: str) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key!r} must be a text and not empty")
    return value.strip()
