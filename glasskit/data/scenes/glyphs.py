"""What the scenes are made of: concepts with their glyphs, read from the TOML files beside."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from glasskit.data.schema import SPLITS, Concept

FILES = ("culture.toml", "nature.toml", "humanity.toml")
"""One file for each level-4 name, in taxonomy order."""

_HELD_OUT_THEMES = 2


@dataclass(frozen=True, slots=True)
class Glyph:
    """One OpenMoji glyph.

    Args:
        character: the single Unicode character that draws it.
        name: what it shows, with its article: "a wrapped gift".
        other: the same in other words, for paraphrases.
        also: another concept that it belongs to as much, or None.
    """

    character: str
    name: str
    other: str
    also: str | None = None


@dataclass(frozen=True, slots=True)
class ConceptSource:
    """A concept with the material that its pictures and captions are built from.

    Args:
        concept: names at four levels, guide and hard negatives.
        themes: theme captions, of which the last two are kept for val and test.
        glyphs: glyphs by split; no glyph is in two splits or two concepts.
    """

    concept: Concept
    themes: tuple[str, ...]
    glyphs: dict[str, tuple[Glyph, ...]]

    def themes_of(self, split: str) -> tuple[str, ...]:
        """The theme captions of one split: pictures to be tested have sentences of their own."""
        if split == "train":
            return self.themes[:-_HELD_OUT_THEMES]
        return self.themes[-_HELD_OUT_THEMES:]


@cache
def read_concepts() -> tuple[ConceptSource, ...]:
    """All concepts, in taxonomy order."""
    return tuple(_source(entry) for name in FILES for entry in _read(name)["concept"])


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _source(entry: dict[str, Any]) -> ConceptSource:
    concept = Concept(
        levels=tuple(entry["levels"]),
        guide=entry["guide"],
        hard_negatives=tuple(entry["near"]),
    )
    glyphs = {split: tuple(map(_glyph, entry[split].strip().splitlines())) for split in SPLITS}
    return ConceptSource(concept, tuple(entry["themes"]), glyphs)


def _glyph(line: str) -> Glyph:
    """Read ``1F3B8 a guitar | a six-stringed guitar = also``; the last part may be left out."""
    code, _, rest = line.partition(" ")
    names, _, also = rest.partition(" = ")
    name, _, other = names.partition(" | ")
    return Glyph(chr(int(code, 16)), name.strip(), other.strip(), also.strip() or None)
