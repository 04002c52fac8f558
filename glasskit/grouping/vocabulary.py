"""The names that a group of photographs can get: built in, or a user's own file.

A vocabulary is a list of concepts. Three forms are read: TOML as ``vocabulary.toml`` beside this
file ([level 4."level 3"], level 2 = [level 1, ...]); JSON as a data set's ``taxonomy.json``; and a
plain .txt with a name a line, whose higher levels are then unknown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from glasskit.data.schema import LEVELS, Concept
from glasskit.errors import InputError
from glasskit.json_files import parse_json


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Concepts to name groups with.

    Args:
        name: shown in the report.
        concepts: each level-1 name once.
    """

    name: str
    concepts: tuple[Concept, ...]

    @property
    def names(self) -> list[str]:
        """Level-1 names, in order."""
        return [concept.name for concept in self.concepts]


def read_vocabulary(file: Path | None = None) -> Vocabulary:
    """The vocabulary of a file, or the built-in one.

    Raises:
        InputError: no such file, or it is in none of the three forms.
    """
    built_in = Path(str(files(__package__))) / "vocabulary.toml"
    path = file if file is not None else built_in
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such vocabulary") from None
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not a readable text in UTF-8 ({error})") from error
    readers = {".toml": _toml, ".json": _json, ".txt": _lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: a vocabulary is a .toml, .json or .txt file")
    concepts = tuple(readers[path.suffix.lower()](text, path))
    seen: set[str] = set()
    for concept in concepts:
        if concept.name in seen:
            raise InputError(f"{path}: concept {concept.name!r} comes twice")
        seen.add(concept.name)
    if len(concepts) < 2:
        raise InputError(f"{path}: a vocabulary needs two concepts or more")
    return Vocabulary("built in" if file is None else str(path), concepts)


def _toml(text: str, path: Path) -> Iterator[Concept]:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not readable TOML ({error})") from error
    for level4, broad in table.items():
        for level3, narrow in _table(broad, f"{path}: [{level4}]"):
            for level2, names in _table(narrow, f"{path}: [{level4}.{level3}]"):
                where = f"{path}: [{level4}.{level3}] {level2}"
                for name in names if isinstance(names, list) else [None]:
                    yield Concept((_name(name, where), level2, level3, level4))


def _table(value: Any, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: must be a table; see [level 4.level 3] level 2 = [names]")
    return value.items()


def _json(text: str, path: Path) -> Iterator[Concept]:
    entries = parse_json(text, str(path))
    if not isinstance(entries, list):
        raise InputError(f"{path}: the top of the file must be a list of concepts")
    for number, entry in enumerate(entries):
        where = f"{path}: entry {number + 1}"
        if not isinstance(entry, dict):
            raise InputError(f"{where}: must be an object with level1 to level4")
        higher = [
            _name(entry[level], where) if entry.get(level) is not None else None
            for level in LEVELS[1:]
        ]
        guide = entry.get("guide")
        yield Concept(
            (_name(entry.get("level1"), where), higher[0], higher[1], higher[2]),
            guide=guide if isinstance(guide, str) else "",
        )


def _lines(text: str, path: Path) -> Iterator[Concept]:
    for line in text.splitlines():
        name = line.partition("#")[0].strip()
        if name:
            yield Concept((_name(name, str(path)), None, None, None))


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 60:
        raise InputError(f"{where}: a name must be a text of 1 to 60 characters")
    return value.strip()
