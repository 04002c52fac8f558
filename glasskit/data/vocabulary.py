"""The names that a group of photographs can get: built in, or a user's own file.

A vocabulary is a list of concepts. Three forms are read: TOML as ``vocabulary.toml`` beside this
file ([level 4."level 3"], level 2 = [level 1, ...]); JSON as a data set's ``taxonomy.json``; and a
plain .txt with a name a line, whose higher levels are then unknown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from glasskit.data.magic import read_taxonomy
from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.io.text_files import checked, lines_of, plain_name, read_text, refuse_twins


def read_vocabulary(file: Path | None = None) -> tuple[Concept, ...]:
    """The concepts to name groups with, of a file or built in; each level-1 name once.

    Raises:
        InputError: no such file, it is in none of the three forms, or two names look the same.
    """
    built_in = Path(str(files(__package__))) / "vocabulary.toml"
    path = file if file is not None else built_in
    readers: dict[str, Callable[[Path], Iterable[Concept]]] = {
        ".toml": _toml,
        ".json": lambda path: read_taxonomy(path).values(),
        ".txt": _lines,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: a vocabulary is a .toml, .json or .txt file")
    concepts = tuple(readers[path.suffix.lower()](path))
    names = [_name(concept.name, str(path)) for concept in concepts]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InputError(f"{path}: concept {name!r} comes twice")
    refuse_twins(names, str(path))
    if len(concepts) < 2:
        raise InputError(f"{path}: a vocabulary needs two concepts or more")
    return concepts


@cache
def vocabulary_names() -> tuple[str, ...]:
    """Level-1 names of the built-in vocabulary, in its order."""
    return tuple(concept.name for concept in read_vocabulary())


def _toml(path: Path) -> Iterator[Concept]:
    try:
        table = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not readable TOML ({error})") from error
    for level4, broad in table.items():
        for level3, narrow in _table(broad, f"{path}: [{level4}]"):
            for level2, names in _table(narrow, f"{path}: [{level4}.{level3}]"):
                where = f"{path}: [{level4}.{level3}] {level2}"
                above = (_name(level2, where), _name(level3, where), _name(level4, where))
                for name in names if isinstance(names, list) else [None]:
                    yield Concept((_name(name, where), *above))


def _table(value: Any, where: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: must be a table; see [level 4.level 3] level 2 = [names]")
    return value.items()


def _lines(path: Path) -> Iterator[Concept]:
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        name = line.partition("#")[0].strip()
        if name:
            yield Concept((_name(name, f"{path}: line {number}"), None, None, None))


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 60:
        raise InputError(f"{where}: a name must be a text of 1 to 60 characters")
    return plain_name(checked(value, where, "name"))
