"""What of a text a text tower reads: how many tokens it takes, and which words it knows."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from glasskit.errors import InputError

log = logging.getLogger(__name__)

CONTINUED = "##"
"""Begins a word piece that goes on with a word, in WordPiece vocabularies."""

ENGLISH = "lite0"
"""Begins the names of the models whose text tower was trained on English with a word list."""


class Reading(NamedTuple):
    """How much of some texts a text tower reads.

    Attributes:
        model: name of the model that the towers are of.
        texts: how many texts.
        length: tokens that are read of a text, without the marks of its begin and end; 0 where
            the tokenizer doesn't say.
        longer: texts that have more; the rest of them is not read.
        words: words in all texts, punctuation left out; 0 where the tokenizer knows every word.
        unknown: words among them that have no token, are spelled letter by letter, or are put
            together from letters of another alphabet than the Latin one.
    """

    model: str
    texts: int = 0
    length: int = 0
    longer: int = 0
    words: int = 0
    unknown: int = 0

    def plus(self, other: Reading) -> Reading:
        """The counts of both."""
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("texts", "longer", "words", "unknown")
        }
        return other._replace(**counts)

    @property
    def nothing(self) -> bool:
        """Whether there are words, and not one is known."""
        return 0 < self.words == self.unknown

    def note(self, what: str) -> str:
        """One line on what is not read, for people; empty where all is.

        Args:
            what: the texts, in the plural, such as "captions"; or one text, in quotation marks.
        """
        notes = []
        if self.longer:
            are = "is" if self.longer == 1 else "are"
            one = what.startswith(("'", '"'))
            which = f"{what} is" if one else f"{self.longer:,} of {self.texts:,} {what} {are}"
            notes.append(
                f"{which} longer than the {self.length} word pieces that {self.model} reads; the "
                "rest is not read"
            )
        if self.unknown:
            are = "is" if self.unknown == 1 else "are"
            reads = f"{self.model} reads English; " * self.model.startswith(ENGLISH)
            notes.append(
                f"{reads}{self.unknown:,} of {self.words:,} word{'s' * (self.words != 1)} of "
                f"{what} {are} unknown to {'it' if reads else self.model}"
            )
        return "; ".join(notes)


class Reader(Protocol):
    """A model, as far as it is asked here."""

    def reading(self, texts: Sequence[str]) -> Reading: ...


def tell_unread(model: Reader, texts: Sequence[str], what: str) -> None:
    """Warn, in one line, of what a model does not read of texts; ``what`` names them in the plural,
    such as "captions"."""
    note = model.reading(texts).note(what)
    if note:
        log.warning("%s", note)


def check_query(model: Reader, text: str, *, warn: bool = True) -> None:
    """Warn where a model reads only a part of a phrase or name.

    Args:
        model: who reads.
        text: the phrase or name.
        warn: False where the text is a visitor's, which no log should keep.

    Raises:
        InputError: it knows not one word of it, so that its vector would mean nothing.
    """
    reading = model.reading([text])
    note = reading.note(repr(text if len(text) <= 40 else f"{text[:37]}..."))
    if reading.nothing:
        raise InputError(note)
    if note and warn:
        log.warning("%s", note)


def read_with(tokenizer: Any, texts: Sequence[str], model: str) -> Reading:
    """Count what a tokenizer of open_clip reads of texts.

    A byte-pair encoding, as of CLIP, has a token for each byte and so knows every word, whatever
    language the tower was trained on.
    """
    inner = getattr(tokenizer, "tokenizer", None)
    if texts and getattr(inner, "is_fast", False):
        return _hugging_face(tokenizer, texts, model)
    if hasattr(tokenizer, "encode") and hasattr(tokenizer, "context_length"):
        length = tokenizer.context_length - 2
        # No more tokens than bytes: most texts need not be looked at.
        longer = sum(len(t.encode()) > length and len(tokenizer.encode(t)) > length for t in texts)
        return Reading(model, len(texts), length, longer)
    return Reading(model)


def _hugging_face(tokenizer: Any, texts: Sequence[str], model: str) -> Reading:
    inner = tokenizer.tokenizer
    length = tokenizer.context_length - inner.num_special_tokens_to_add()
    cleaned = [getattr(tokenizer, "clean_fn", str)(text) for text in texts]
    encodings = inner(cleaned, add_special_tokens=False, verbose=False).encodings
    longer = sum(len(encoding) > length for encoding in encodings)
    words = unknown = 0
    if inner.unk_token is not None:
        for text, encoding in zip(cleaned, encodings, strict=True):
            for word, tokens in _words(text, encoding):
                words += 1
                unknown += _is_unknown(word, tokens, inner.unk_token)
    return Reading(model, len(texts), length, longer, words, unknown)


def _words(text: str, encoding: Any) -> Iterator[tuple[str, list[str]]]:
    """(word, its tokens) of each word of a text; punctuation is none."""
    for _, group in groupby(range(len(encoding)), encoding.word_ids.__getitem__):
        places = list(group)
        word = text[encoding.offsets[places[0]][0] : encoding.offsets[places[-1]][1]]
        if any(unicodedata.category(letter)[0] not in "PZ" for letter in word):
            yield word, [encoding.tokens[place] for place in places]


def _is_unknown(word: str, tokens: list[str], unk: str) -> bool:
    """Whether a word has no token of its own and is put together from next to nothing."""
    if unk in tokens:
        return True
    kinds = [unicodedata.category(letter) for letter in word]
    if not all(kind[0] in "LM" for kind in kinds):
        return False
    if len(tokens) == 1:
        return len(word) == 1 and kinds[0] == "Lo"  # a sign of Chinese or Japanese
    latin = all(
        unicodedata.name(letter, "").startswith("LATIN")
        for letter, kind in zip(word, kinds, strict=True)
        if kind[0] == "L"
    )
    return not latin or all(len(token.removeprefix(CONTINUED)) == 1 for token in tokens)
