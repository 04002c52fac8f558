"""A guess stands beside its answer, whatever kind it is."""

from __future__ import annotations

import pytest

from glasskit.course import predict
from glasskit.errors import InputError

NAMES = ("untrained", "clip", "grouped")


def test_a_number_with_its_unit() -> None:
    guess = predict("Which share is right?", 20, example=50, unit="%")
    assert repr(guess) == "Which share is right?\nYour guess: 20%"
    shown = guess.reveal(6.13)
    assert repr(shown) == "your guess 20%, answer 6.13%: 13.9 points too high"
    assert repr(guess.reveal(40)).endswith("20 points too low")
    assert repr(guess.reveal(20.5)).endswith("right, to a twentieth")
    assert shown._repr_html_().count("<rect") == 2
    # Bars of opposite signs lie on both sides of zero.
    html = predict("Gain?", -1, example=1).reveal(3)._repr_html_()
    assert '<rect x="0" width="60"' in html
    assert '<rect x="60" width="180"' in html


def test_without_a_guess_the_example_stands_in() -> None:
    guess = predict("Which share is right?", None, example=50, unit="%")
    assert not guess.own
    assert "No guess yet (write yours for None). An example: 50%" in repr(guess)
    assert repr(guess.reveal(50)) == "example guess 50%, answer 50%: right, to a twentieth"


def test_a_choice() -> None:
    guess = predict("Which is best?", "clip", example="grouped", among=NAMES)
    assert repr(guess.reveal("clip")) == "your guess clip, answer clip: right"
    assert repr(guess.reveal("grouped")) == "your guess clip, answer grouped: not so"


def test_an_order_counts_pairs() -> None:
    guess = predict(
        "From worst to best?", ["clip", "untrained", "grouped"], example=NAMES, among=NAMES
    )
    assert repr(guess.reveal(NAMES)).endswith(": 2 of 3 pairs in the right order")
    assert guess.reveal(NAMES)._repr_html_().count("✓") == 1


@pytest.mark.parametrize(
    ("guess", "example", "among", "message"),
    [
        ("many", 1.0, (), "'many': write a number"),
        (True, 1.0, (), "True: write a number"),
        (float("nan"), 1.0, (), "nan: write a number"),
        ("clipp", "clip", NAMES, "'clipp': write one of untrained, clip, grouped"),
        (["clip"], NAMES, NAMES, "each of untrained, clip, grouped once"),
        ("clip", NAMES, NAMES, "write a list"),
    ],
)
def test_a_guess_of_another_kind_is_refused(guess, example, among, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        predict("What?", guess, example=example, among=among)
