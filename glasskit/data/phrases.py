"""Noun phrases of captions, for the objectives that ask pictures about them.

The library is TextBlob: its tagger and chunker work from an English lexicon and rules that are
in the package itself, so they install from PyPI with nothing to download, and a caption takes
0.2 ms. Its own `noun_phrases` property needs NLTK corpora and is not used. The alternatives:
spaCy's models come from its own site, not from PyPI (copies there are by third parties), and a
language model, as in the C2LIP paper, is a thousand times slower.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textblob.en.parsers import PatternParser

NOUN = ("NN", "NNS", "NNP", "NNPS")
# What opens a phrase without saying what is seen: an article, a possessive, "no".
OPENING = ("DT", "PRP$", "PDT", "WDT")
# Words that a caption uses as if they were things: "top of", "a photo of", "a group of".
FRAME = frozenset(
    (
        *("photo", "photograph", "picture", "image", "view", "shot"),
        *("top", "front", "back", "side", "middle"),
        *("group", "bunch", "pair", "couple", "lot", "number", "row", "rows"),
        *("set", "kind", "type", "piece"),
    )
)
# Words that say that what follows is not there: no picture shows "no dog".
ABSENT = frozenset(("no", "neither", "none"))
# The tagger takes these pronouns for nouns.
PRONOUNS = frozenset(
    f"{first}{last}"
    for first in ("some", "any", "every", "no")
    for last in ("one", "body", "thing")
)


@lru_cache(maxsize=65_536)
def noun_phrases(caption: str) -> tuple[str, ...]:
    """The noun phrases of a caption, each once, in lower case, without articles and possessives.

    A phrase is a chunk that has a noun; "no dog" is left out (the picture does not show it), and
    so is a frame such as "a photo" or "a group". A caption may have none.
    """
    chunks = (_phrase(chunk) for chunk in _chunks(caption))
    return tuple(dict.fromkeys(phrase for phrase in chunks if phrase))


def _chunks(caption: str) -> list[list[tuple[str, str]]]:
    """Noun chunks as lists of (word, tag)."""
    chunks: list[list[tuple[str, str]]] = []
    inside = False
    for sentence in _parser().parse(caption).split():
        for word, tag, chunk, *_ in sentence:
            if chunk == "B-NP" or (chunk == "I-NP" and not inside):
                chunks.append([])
            inside = chunk in ("B-NP", "I-NP")
            if inside and tag == "CC" and chunks[-1] and chunks[-1][-1][1] in NOUN:
                chunks.append([])  # the chunker takes "popcorn and a horse" for one
            elif inside:
                chunks[-1].append((word.replace("&slash;", "/").lower(), tag))
        inside = False
    return chunks


def _phrase(chunk: list[tuple[str, str]]) -> str | None:
    if any(word in ABSENT for word, _ in chunk):
        return None
    while chunk and chunk[0][1] in OPENING:
        chunk = chunk[1:]
    # A chunk may run on into words after its head noun.
    while chunk and chunk[-1][1] not in NOUN:
        chunk = chunk[:-1]
    if not chunk or chunk[-1][0] in FRAME | PRONOUNS:
        return None
    return " ".join(word for word, _ in chunk)


@lru_cache(maxsize=1)
def _parser() -> PatternParser:
    # Here and not at the top: it imports NLTK, which takes seconds that most runs need not spend.
    from textblob.en.parsers import PatternParser

    return PatternParser()
