"""Captions made false by rule: their noun phrases swapped, replaced or negated.

"a boy eats an apple" becomes "an apple eats a boy", "a boy eats a kite" and "no boy eats an apple".
The rules know words and not what is seen: now and then an altered caption is still true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from glasskit.data.phrases import noun_phrases


def altered(captions: Sequence[str]) -> list[tuple[str, str, str]]:
    """Each caption in lower case with phrases swapped, with one replaced, and with one negated.

    - swap: the first and the last noun phrase change places;
    - replace: one of them becomes a noun phrase of another caption that shares no word with it;
    - negate: "no" in the place of the article or possessive of the first one.

    Where there is one noun phrase it is replaced and not swapped; a caption without any has "no" in
    front, three times. The same captions are always altered alike.
    """
    rng = np.random.default_rng(0)
    found = [noun_phrases(caption) for caption in captions]
    others = [phrase for phrases in found for phrase in phrases]
    return [
        _altered(caption.lower(), phrases, others, rng)
        for caption, phrases in zip(captions, found, strict=True)
    ]


def _altered(
    caption: str, phrases: tuple[str, ...], others: list[str], rng: np.random.Generator
) -> tuple[str, str, str]:
    """The three of one caption."""
    # TextBlob may write a phrase otherwise than the caption does, as in "singer 's mike".
    spans = [span for phrase in phrases if (span := _span(caption, phrase))]
    if not spans:
        return (f"no {caption}",) * 3
    first, last = min(spans), max(spans)
    place = spans[rng.integers(len(spans))]
    replaced = _with(caption, place, _other(caption, others, rng))
    swapped = replaced
    if first[1] <= last[0]:
        swapped = _with(caption, last, caption[slice(*first)])
        swapped = _with(swapped, first, caption[slice(*last)])
    before = re.sub(r"\b(an?|the|one|his|her|its|their)\s+$", "", caption[: first[0]])
    return swapped, replaced, f"{before}no {caption[first[0] :]}"


def _span(caption: str, phrase: str) -> tuple[int, int] | None:
    """Where a phrase stands in its caption, as whole words."""
    found = re.search(rf"\b{re.escape(phrase)}\b", caption)
    return found and found.span()


def _with(caption: str, span: tuple[int, int], words: str) -> str:
    """The caption with other words at a place; "a" and "an" before it as they ask for."""
    before = re.sub(r"\ban?\s$", "an " if words[0] in "aeiou" else "a ", caption[: span[0]])
    return f"{before}{words}{caption[span[1] :]}"


def _other(caption: str, others: list[str], rng: np.random.Generator) -> str:
    """A phrase that shares no word with the caption; the last one tried where none is found."""
    words = set(caption.split())
    for _ in range(50):
        phrase = others[rng.integers(len(others))]
        if words.isdisjoint(phrase.split()):
            break
    return phrase
