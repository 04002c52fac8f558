"""Higher levels of a concept from the hypernyms of WordNet, as NLTK reads it.

Nothing is downloaded: the WordNet that NLTK has on this machine is used, or a folder that the user
names. ``python -m nltk.downloader wordnet`` gets it.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from glasskit.data.schema import Concept
from glasskit.errors import InputError

TOP = frozenset({"entity", "physical entity", "abstraction", "abstract entity"})
"""Hypernyms that say nothing of a photograph."""


class WordNet:
    """The nouns of a WordNet.

    Args:
        folder: with all files of WordNet 3, as NLTK has them; by default NLTK's own.

    Raises:
        InputError: there is none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        root = folder if folder is not None else find_wordnet()
        try:
            if root is None:
                raise FileNotFoundError
            self._nouns = _read(root)
        except (OSError, ValueError, LookupError, AssertionError, StopIteration) as error:
            raise InputError(
                f"{root or 'WordNet'}: no folder with the files of WordNet 3 (data.noun, "
                "index.noun, ...); get them with python -m nltk.downloader wordnet"
            ) from error

    def place(self, concept: Concept) -> Concept:
        """A concept with level 2, 3 and 4; unchanged where WordNet does not know it.

        The chain of hypernyms goes from the first noun sense of the whole name, or else of its last
        word, which is then itself the nearest. Level 2 is the nearest, level 4 the most general
        below the top, level 3 the middle of those between; a short chain leaves the last ones out.
        """
        whole = self._chain(concept.name.replace(" ", "_"))
        chain = whole[1:] or ([] if whole else self._chain(concept.name.split()[-1]))
        chain = [name for name in chain if name not in TOP and name != concept.name]
        if not chain:
            return concept
        between = chain[1:-1]
        middle = between[len(between) // 2 :][:1]
        levels = [*chain[:1], *middle, *chain[1:][-1:], None, None]
        return replace(concept, levels=(concept.name, levels[0], levels[1], levels[2]))

    def _chain(self, word: str) -> list[str]:
        """Names from the commonest sense of a noun to the top, by the first hypernym of each."""
        names: list[str] = []
        senses = self._nouns.synsets(word, pos="n")
        while senses:
            names.append(senses[0].lemma_names()[0].replace("_", " ").lower())
            senses = senses[0].hypernyms() or senses[0].instance_hypernyms()
        return names


def find_wordnet() -> Any:
    """Where NLTK has its WordNet on this machine, as a folder or packed; None where it has none."""
    import nltk.data  # takes seconds, which only those pay who ask

    for place in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        with suppress(LookupError):
            return nltk.data.find(place)
    return None


def _read(root: Any) -> Any:
    import nltk.data
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class English(WordNetCorpusReader):
        """Without the map to WordNets of other languages, which would have to be here too."""

        def map_wn(self, version: str = "wordnet") -> None:
            return None

    if isinstance(root, Path):
        root = str(root.absolute())
        if root not in nltk.data.path:  # NLTK reads nothing beside what it was told of
            nltk.data.path.append(root)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The multilingual functions")
        return English(root, None)
