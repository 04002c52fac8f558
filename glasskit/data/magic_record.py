"""One record of the MAGIC layout: from and to JSON, and the rules that it has to keep.

The layout itself, and the file that holds records by concept, are in ``magic.py``; ``shards.py``
has the same records one by one.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from glasskit.data.images import FileSource, ImageSource, picture_name
from glasskit.data.schema import LEVELS, SPLITS, Concept, Levels, Record
from glasskit.errors import InputError
from glasskit.io.text_files import checked, look, misspelt, plain_name, refuse_twins, suggestion

CONCEPT_KEYS = ("concept", "hard_negative", *(f"{split}_images" for split in SPLITS))
PICTURE_KEYS = ("image", "old_captions", "new_captions", *LEVELS, "also", "negation", "cluster")
TAXONOMY_KEYS = (*LEVELS, "guide", "hard_negative")
_LIKE_A_KEY = re.compile("(images|captions)$|^(train|val|valid|validation|dev|test|eval)([ _-]|$)")

log = logging.getLogger(__name__)


def record_as_json(record: Record, concept: Concept) -> dict[str, Any]:
    """The picture of a record as the layout writes it."""
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
    optional = {"negation": record.negation, "cluster": record.cluster}
    return out | {name: text for name, text in optional.items() if text is not None}


def parse_record(picture: Any, concept: str, split: str, where: str) -> tuple[Record, Levels]:
    """One record and the levels that it names.

    Args:
        picture: its JSON. concept: the concept that it stands under. split: train, val or test.
        where: begins the line of an error.

    Raises:
        InputError: it is not in the layout.
    """
    if not isinstance(picture, dict):
        raise InputError(f"{where}: a picture must be an object, not {type(picture).__name__}")
    key = picture.get("image")
    whole = isinstance(key, int) and not isinstance(key, bool) and key >= 0
    if not whole and not (isinstance(key, str) and key.strip()):
        raise InputError(f"{where}: a picture has no 'image' (a COCO id or a file name)")
    where = f"{where}, image {key!r}"
    levels = levels_of(picture, concept, where)
    if picture.get("level1", concept) != concept and name_of(picture, "level1", where) != concept:
        level1 = picture["level1"]
        raise InputError(f"{where}: level1 is {level1!r} but it stands under concept {concept!r}")
    record = Record(
        key=checked(str(key), where, "image"),
        concept=concept,
        literal=texts_of(picture, "old_captions", where),
        theme=texts_of(picture, "new_captions", where),
        also=names_of(picture, "also", where),
        negation=optional_text(picture, "negation", where),
        split=split,
        cluster=optional_text(picture, "cluster", where),
    )
    if not record.literal:
        raise InputError(f"{where}: 'old_captions' is empty; give at least a literal caption")
    return record, levels


def unknown_keys(
    entry: Any, known: Sequence[str], where: str, missing: Sequence[str] | None = None
) -> list[str]:
    """Keys that are none of the layout's, where none of them looks like one of it.

    Args:
        entry: an object of the file.
        known: keys of the layout.
        where: begins the line of an error.
        missing: refuse no more than what is nearly one of these, for objects in which other tools
            keep what they like.

    Raises:
        InputError: a key is nearly one of the layout, or begins or ends as those of pictures and
            captions do: it would be lost without a word.
    """
    if not isinstance(entry, dict):
        return []
    image = entry.get("image")
    where = where if image is None else f"{where}, image {image!r}"
    unknown = [key for key in entry if key not in known]
    for key in unknown:
        near = suggestion(key, known if missing is None else missing)
        if near or (missing is None and _LIKE_A_KEY.search(look(key))):
            names = near or f"; the keys are {', '.join(known)}"
            raise InputError(f"{where}: unknown key {key!r}{names}")
    return unknown


def warn_of_unknown(file: Path | str, keys: Iterable[str]) -> None:
    """Log one line that says which keys were left out, and how often each came."""
    counts = Counter(keys)
    if counts:
        common = counts.most_common(8)
        named = ", ".join(f"{key!r} {times} time{'s' * (times != 1)}" for key, times in common)
        log.warning("%s: left out are keys that the layout does not have: %s", file, named)


def levels_of(entry: dict[str, Any], name: str, where: str) -> Levels:
    """The levels of a concept that an entry names: its own name and the higher ones, or None."""
    texts = (optional_text(entry, level, where) for level in LEVELS[1:])
    second, third, fourth = (None if text is None else plain_name(text) for text in texts)
    return name, second, third, fourth


def merge_levels(levels: dict[str, Levels], own: Levels, where: str) -> None:
    """Keep what a record says of its concept's levels; two that differ are an error."""
    name, *known = levels.get(own[0], own)
    for level, old, new in zip(LEVELS[1:], known, own[1:], strict=True):
        if old is not None and new is not None and old != new:
            raise InputError(f"{where}: {level} is {new!r}, elsewhere it is {old!r}")
    second, third, fourth = (old or new for old, new in zip(known, own[1:], strict=True))
    levels[name] = (name, second, third, fourth)


def check_records(
    file: Path | str, concepts: Sequence[Concept], records: Sequence[Record], images: ImageSource
) -> None:
    """Rules that need the whole data set; InputError names ``file`` and the record."""
    if not records:
        raise InputError(f"{file}: there is no picture in it")
    names = {concept.name for concept in concepts}
    refuse_twins((concept.name for concept in concepts), str(file))
    for concept in concepts:
        where = f"{file}: concept {concept.name!r}"
        if concept.name in concept.hard_negatives:
            raise InputError(f"{where}: it is its own hard negative")
        _check_names(concept.hard_negatives, names, where, "hard negative")
    for row, before in same_pictures([record.key for record in records], images):
        record, other = records[row], records[before]
        named = "" if other.key == record.key else f" as {other.key!r}"
        raise InputError(
            f"{file}: concept {record.concept!r}, image {record.key!r}: it stands also in "
            f"{other.split}_images of {other.concept!r}{named}; a picture has one concept (name "
            "others in 'also') and one split"
        )
    for record in records:
        where = f"{file}: concept {record.concept!r}, image {record.key!r}"
        _check_names(record.also, names, where, "'also' name")


def _check_names(found: Sequence[str], known: Collection[str], where: str, what: str) -> None:
    for name in found:
        if name not in known:
            near = suggestion(name, known)
            raise InputError(f"{where}: {what} {name!r} is not a concept{near}")


def same_pictures(keys: Sequence[str], images: ImageSource) -> Iterator[tuple[int, int]]:
    """(row, an earlier row) of keys that name one picture, however they are written.

    Two keys that are one name (`images.picture_name`) may be two files; these are two pictures.
    """
    seen: dict[str, list[tuple[str, int]]] = {}
    for row, key in enumerate(keys):
        name, ending = picture_name(key)
        for other_ending, other in seen.setdefault(name, []):
            # p1 may be p1.jpg or p1.png, which are two.
            may_be_one = ending == other_ending or not (ending and other_ending)
            if may_be_one and not (
                isinstance(images, FileSource) and images.differ(key, keys[other])
            ):
                yield row, other
        seen[name].append((ending, row))


def list_of(entry: dict[str, Any], key: str, where: str) -> list[Any]:
    """A list under a key, empty where there is none; InputError where it is no list."""
    value = entry.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{where}: {key!r} must be a list, not {type(value).__name__}")
    return value


def text_of(entry: Any, key: str, where: str) -> str:
    """A text under a key that must be there and not be empty."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be an object, not {type(entry).__name__}")
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        near = misspelt(key, entry) if key not in entry else ""
        raise InputError(f"{where}: {key!r} must be a text and not empty{near}")
    return checked(value, where, key)


def optional_text(entry: dict[str, Any], key: str, where: str) -> str | None:
    """A text under a key, or None where it is missing or null."""
    return None if entry.get(key) is None else text_of(entry, key, where)


def name_of(entry: Any, key: str, where: str) -> str:
    """A name under a key that must be there: in composed form, with single blanks."""
    return plain_name(text_of(entry, key, where))


def texts_of(entry: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Texts under a key, none of them empty."""
    values = list_of(entry, key, where)
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise InputError(f"{where}: {key!r} must hold texts that are not empty")
    return tuple(checked(value, where, key) for value in values)


def names_of(entry: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Names under a key, in composed form, with single blanks."""
    return tuple(map(plain_name, texts_of(entry, key, where)))
