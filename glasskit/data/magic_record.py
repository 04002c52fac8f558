"""One record of the MAGIC layout from and to JSON, and how fields of any layout are read.

The file that holds records by concept is in ``magic.py``; ``shards.py`` has the same records one by
one. "labels", "themes" ({label: sentence or sentences}) and "not_labels" are for pictures with
several labels; they may be missing.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from glasskit.data.schema import LEVELS, SPLITS, Concept, Levels, Record
from glasskit.errors import InputError
from glasskit.io.text_files import checked, look, misspelt, plain_name, suggestion

CONCEPT_KEYS = ("concept", "hard_negative", *(f"{split}_images" for split in SPLITS))
PICTURE_KEYS = (
    *("image", "old_captions", "new_captions", *LEVELS, "also", "negation", "cluster"),
    *("labels", "themes", "not_labels"),
)
TAXONOMY_KEYS = (*LEVELS, "guide", "hard_negative")
_LIKE_A_KEY = re.compile("(images|captions)$|^(train|val|valid|validation|dev|test|eval)([ _-]|$)")

log = logging.getLogger(__name__)


def record_as_json(record: Record, concept: Concept) -> dict[str, Any]:
    """The picture of a record as the layout writes it under one of its concepts."""
    out: dict[str, Any] = {
        "image": key_as_json(record.key),
        "old_captions": list(record.literal),
        "new_captions": list(record.theme),
        **{level: name for level, name in zip(LEVELS, concept.levels, strict=True) if name},
        "also": list(record.also),
    }
    optional = {
        "negation": record.negation,
        "cluster": record.cluster,
        "labels": list(record.labels) if len(record.labels) > 1 else None,
        "themes": {label: list(texts) for label, texts in record.label_themes.items()} or None,
        "not_labels": list(record.not_labels) or None,
    }
    return out | {name: value for name, value in optional.items() if value is not None}


def key_as_json(key: str) -> int | str:
    """A COCO id as a number, any other name as it is."""
    return int(key) if key.isdigit() and str(int(key)) == key else key


def parse_record(picture: Any, concept: str, split: str, where: str) -> tuple[Record, Levels]:
    """One record and the levels that it names.

    Args:
        picture: its JSON. concept: the concept that it stands under. split: train, val or test.
        where: begins the line of an error.

    Raises:
        InputError: it is not in the layout.
    """
    key, where = key_of(picture, where)
    levels = levels_of(picture, concept, where)
    if picture.get("level1", concept) != concept and name_of(picture, "level1", where) != concept:
        level1 = picture["level1"]
        raise InputError(f"{where}: level1 is {level1!r} but it stands under concept {concept!r}")
    labels = names_of(picture, "labels", where) or (concept,)
    if concept not in labels:
        raise InputError(f"{where}: 'labels' lacks {concept!r}, the concept that it stands under")
    captions = ("old_captions", "new_captions")
    return record_of(picture, key, labels, split, captions, where), levels


def record_of(
    picture: dict[str, Any],
    key: str,
    labels: tuple[str, ...],
    split: str,
    captions: tuple[str, str],
    where: str,
) -> Record:
    """A picture of any layout as its record; ``captions``: keys of the literal and theme ones."""
    literal, theme = captions
    if not texts_of(picture, literal, where):
        raise InputError(f"{where}: {literal!r} is empty; give at least a literal caption")
    return Record(
        key=key,
        labels=labels,
        literal=texts_of(picture, literal, where),
        theme=one_or_more(picture.get(theme) or [], theme, where),
        label_themes=label_themes_of(picture, labels, where),
        also=names_of(picture, "also", where),
        not_labels=names_of(picture, "not_labels", where),
        negation=optional_text(picture, "negation", where),
        split=split,
        cluster=optional_text(picture, "cluster", where),
    )


def split_of(entry: dict[str, Any], where: str) -> str:
    """The split that a picture names; train where it names none."""
    split = entry.get("split", "train")
    if split not in SPLITS:
        raise InputError(f"{where}: split {split!r}: choose one of {', '.join(SPLITS)}")
    return str(split)


def key_of(picture: Any, where: str) -> tuple[str, str]:
    """The key of a picture, and the beginning of errors about it."""
    if not isinstance(picture, dict):
        raise InputError(f"{where}: a picture must be an object, not {type(picture).__name__}")
    key = picture.get("image")
    whole = isinstance(key, int) and not isinstance(key, bool) and key >= 0
    if not whole and not (isinstance(key, str) and key.strip()):
        raise InputError(f"{where}: a picture has no 'image' (a COCO id or a file name)")
    where = f"{where}, image {key!r}"
    return checked(str(key), where, "image"), where


def label_themes_of(
    picture: dict[str, Any], labels: Collection[str], where: str
) -> dict[str, tuple[str, ...]]:
    """Theme captions by label under "themes": a text each, or a list of them."""
    value = picture.get("themes") or {}
    if not isinstance(value, dict):
        raise InputError(f"{where}: 'themes' must be an object of label: sentence")
    out: dict[str, tuple[str, ...]] = {}
    for name, texts in value.items():
        label = plain_name(name)
        if label not in labels:
            near = suggestion(label, labels)
            raise InputError(f"{where}: 'themes' names {name!r}, which is none of its labels{near}")
        out[label] = one_or_more(texts, name, where)
    return out


def one_or_more(value: Any, key: str, where: str) -> tuple[str, ...]:
    """A text or a list of them, none empty."""
    return texts_of({key: value if isinstance(value, list) else [value]}, key, where)


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
