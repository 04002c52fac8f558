"""The names that a group of photographs can get: built in, or a user's own file.

A vocabulary is a list of concepts. A user's own is JSON as a data set's ``taxonomy.json``, or a
plain .txt with a name a line, whose higher levels are then unknown. The built-in one is
``vocabulary.toml`` beside this file: [level 4."level 3"], level 2 = [level 1, ...].
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from glasskit.data.magic import read_taxonomy
from glasskit.data.schema import Concept
from glasskit.errors import InputError
from glasskit.io.text_files import checked, lines_of, plain_name, read_text, refuse_twins


def read_vocabulary(file: Path | None = None) -> tuple[Concept, ...]:
    """The concepts to name groups with, of a file or built in; each level-1 name once.

    Raises:
        InputError: no such file, it is in neither form, or two names look the same.
    """
    if file is None:
        return tuple(_built_in())
    if file.suffix.lower() not in (".json", ".txt"):
        raise InputError(f"{file}: a vocabulary is a .json or .txt file")
    own = read_taxonomy(file).values() if file.suffix.lower() == ".json" else _lines(file)
    concepts = tuple(own)
    names = [concept.name for concept in concepts]
    for place, name in enumerate(names):
        if len(name) > 60:
            raise InputError(f"{file}: a name must be a text of 1 to 60 characters")
        if name in names[:place]:
            raise InputError(f"{file}: concept {name!r} comes twice")
    refuse_twins(names, str(file))
    if len(concepts) < 2:
        raise InputError(f"{file}: a vocabulary needs two concepts or more")
    return concepts


@cache
def vocabulary_names() -> tuple[str, ...]:
    """Level-1 names of the built-in vocabulary, in its order."""
    return tuple(concept.name for concept in read_vocabulary())


def _built_in() -> Iterator[Concept]:
    text = files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8")
    for level4, broad in tomllib.loads(text).items():
        for level3, narrow in broad.items():
            for level2, names in narrow.items():
                yield from (Concept((name, level2, level3, level4)) for name in names)


def _lines(path: Path) -> Iterator[Concept]:
    for number, line in enumerate(lines_of(read_text(path)), start=1):
        name = line.partition("#")[0].strip()
        if name:
            name = plain_name(checked(name, f"{path}: line {number}", "name"))
            yield Concept((name, None, None, None))
