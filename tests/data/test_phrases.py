"""Noun phrases: what is seen, without the words around it, and nothing fetched."""

from __future__ import annotations

import pytest

from glasskit.data import phrases
from glasskit.data.phrases import noun_phrases

CASES = {
    "A man riding a wave on top of a surfboard.": ["man", "wave", "surfboard"],
    "Two young women sharing a slice of chocolate cake at a small wooden table": [
        *("two young women", "slice", "chocolate cake", "small wooden table"),
    ],
    "an old, rusted bicycle leaning against the brick wall": ["rusted bicycle", "brick wall"],
    "A photo of her red house": ["red house"],
    "There is no dog on the couch": ["couch"],
    "Someone is running.": [],
    "the cat and the cat": ["cat"],
    "a box of popcorn and a carousel horse": ["box", "popcorn", "carousel horse"],
    "A cat/dog sign. A bus waits.": ["cat/dog sign", "bus"],
    "": [],
}


@pytest.mark.parametrize("caption", CASES)
def test_phrases_of_a_caption(caption: str) -> None:
    assert noun_phrases(caption) == tuple(CASES[caption])


def test_works_without_corpora_and_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("nltk.data.path", [])
    phrases._parser.cache_clear()
    assert noun_phrases("A red bus in the fresh snow") == ("red bus", "fresh snow")
