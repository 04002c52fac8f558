"""Whether a caption names its concept: a word of it has the stem of a word of the name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

SMALL = frozenset(
    ["a", "an", "and", "at", "by", "for", "from", "in", "into", "of", "off", "on", "or", "out"]
) | {"over", "the", "to", "under", "up", "with"}
"""Words of names that give nothing away."""


def leaked_words(caption: str, names: Iterable[str | None]) -> list[str]:
    """The words of a caption that share a stem with a word of one of the names.

    Stems are Snowball's (Porter 2001): "celebrating" and "celebration" are one, and so are
    "skies" and "sky"; what is derived with a change of the stem ("grew" of "growth") is not found.

    Args:
        caption: any sentence.
        names: names of a concept; None is passed over.
    """
    secret = {_stem(word) for name in names if name for word in _words(name)}
    return [word for word in _words(caption) if _stem(word) in secret]


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in SMALL]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    # Here and not at the top: NLTK takes seconds that most runs need not spend.
    from nltk.stem.snowball import SnowballStemmer

    return str(SnowballStemmer("english").stem(word))
