"""Captions made false by rule, against examples made by hand."""

from __future__ import annotations

import pytest

from glasskit.data.altered import altered

CAPTIONS = ["The boy eats an apple on the red bench.", "A photo of her house", "running fast"]


def test_phrases_are_swapped_replaced_and_negated() -> None:
    (swapped, replaced, negated), *_ = altered(CAPTIONS)
    assert swapped == "the red bench eats an apple on the boy."
    assert negated == "no boy eats an apple on the red bench."
    own = "the boy eats an apple on the red bench."
    assert replaced in [own.replace(phrase, "house") for phrase in ("boy", "red bench")] + [
        own.replace("an apple", "a house")
    ]


@pytest.mark.parametrize(
    ("row", "swapped", "negated"),
    [(1, None, "a photo of no house"), (2, "no running fast", "no running fast")],
)
def test_what_a_rule_has_no_phrases_for(row: int, swapped: str | None, negated: str) -> None:
    found = altered(CAPTIONS)[row]
    assert found[0] == (swapped or found[1])
    assert found[2] == negated
    assert all(text != CAPTIONS[row].lower() for text in found)
    assert altered(CAPTIONS)[row] == found
