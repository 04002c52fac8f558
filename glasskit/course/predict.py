"""A guess that the reader writes down before the cell that answers, and both side by side.

    guess = predict("Which share of 132 ideas is named right, in percent?", None, example=20)
    ...
    guess.reveal(answer)

As long as the guess is None, the example stands in, so that a notebook runs from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations

from glasskit.errors import InputError

Answer = float | str | Sequence[str]
"""A number, one of several names, or all of them in an order."""

BAR = (240, 16)
"""Width and height of a bar, in pixels; on a phone it is a third of the page wide."""


@dataclass(frozen=True)
class Shown:
    """What a cell shows: a line of text, and HTML where a page can show it."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Guess:
    """A question, and what the reader said to it.

    Args:
        question: ends with a question mark.
        value: the reader's guess, or the example where there is none yet.
        own: whether it is the reader's.
        among: what can be chosen or put in order; empty for a number.
        unit: of a number, such as "%".
    """

    question: str
    value: Answer
    own: bool
    among: tuple[str, ...]
    unit: str

    def __repr__(self) -> str:
        who = "Your guess" if self.own else "No guess yet (write yours for None). An example"
        return f"{self.question}\n{who}: {self._said(self.value)}"

    def _repr_html_(self) -> str:
        question, said = (escape(line) for line in repr(self).split("\n"))
        return f"<div><b>{question}</b><br>{said}</div>"

    def reveal(self, answer: Answer) -> Shown:
        """The guess and the answer side by side.

        Raises:
            InputError: the answer is of another kind than the guess.
        """
        answer = checked(answer, self.among, order=not isinstance(self.value, str))
        who = "your guess" if self.own else "example guess"
        if isinstance(self.value, str):
            verdict = "right" if self.value == answer else "not so"
            html = _rows([(who, escape(self.value)), ("answer", escape(str(answer)))])
        elif isinstance(self.value, Sequence) and isinstance(answer, Sequence):
            pairs = list(combinations(self.value, 2))
            kept = sum(answer.index(a) < answer.index(b) for a, b in pairs)
            verdict = f"{kept} of {len(pairs)} pairs in the right order"
            html = _orders(who, self.value, answer)
        else:
            said, found = float(str(self.value)), float(str(answer))
            verdict = _distance(said, found, self.unit)
            html = _rows(
                [
                    (who, _bar(said, (said, found), "#9a9a9a") + self._said(said)),
                    ("answer", _bar(found, (said, found), "#1f7a72") + self._said(found)),
                ]
            )
        text = f"{who} {self._said(self.value)}, answer {self._said(answer)}: {verdict}"
        head = f"<b>{escape(self.question)}</b>"
        return Shown(text, f"<div>{head}{html}<div>{escape(verdict)}</div></div>")

    def _said(self, value: Answer) -> str:
        if isinstance(value, str):
            return value
        return f"{value:.4g}{self.unit}" if isinstance(value, int | float) else ", ".join(value)


def predict(
    question: str,
    guess: Answer | None,
    *,
    example: Answer,
    among: Sequence[str] = (),
    unit: str = "",
) -> Guess:
    """Write down a guess; ``reveal`` holds it against the answer later.

    Args:
        question: one sentence with a question mark.
        guess: the reader's: a number, one of ``among``, or a list of all of them in order. None:
            no guess yet, and the example stands in.
        example: a guess of the same kind, as somebody could have made it; need not be right.
        among: what is chosen from or put in order; not for a number.
        unit: of a number, written behind it.

    Raises:
        InputError: the guess is of another kind than the example, or not among what is asked for.
    """
    order = not isinstance(example, str)
    names = tuple(among)
    example = checked(example, names, order=order)
    value = example if guess is None else checked(guess, names, order=order)
    return Guess(question, value, guess is not None, names, unit)


def checked(value: Answer, among: tuple[str, ...], *, order: bool) -> Answer:
    """A guess or an answer of the right kind: a number, one name, or all names in an order.

    Raises:
        InputError: it is of another kind, or names are missing, double or unknown.
    """
    if not among:
        if isinstance(value, bool | str | Sequence) or not math.isfinite(value):
            raise InputError(f"{value!r:.80}: write a number")
        return float(value)
    names = ", ".join(among)
    if not order:
        if value not in among:
            raise InputError(f"{value!r:.80}: write one of {names}, in quotes")
        return str(value)
    if isinstance(value, str | int | float) or sorted(value) != sorted(among):
        raise InputError(f"{value!r:.80}: write a list with each of {names} once, in your order")
    return tuple(value)


def _distance(guess: float, answer: float, unit: str) -> str:
    off = guess - answer
    if abs(off) <= 0.05 * abs(answer):
        return "right, to a twentieth"
    unit = " points" if unit == "%" else unit
    return f"{abs(off):.3g}{unit} too {'high' if off > 0 else 'low'}"


def _bar(value: float, values: Sequence[float], colour: str) -> str:
    """A bar from 0 to the value, on a scale that holds all values."""
    low, high = min(0.0, *values), max(0.0, *values)
    scale = BAR[0] / ((high - low) or 1)
    left, width = (min(0.0, value) - low) * scale, max(abs(value) * scale, 1)
    return (
        f'<svg viewBox="0 0 {BAR[0]} {BAR[1]}" preserveAspectRatio="none" style="width:min('
        f'{BAR[0]}px,34vw);height:{BAR[1]}px;vertical-align:middle;margin-right:8px">'
        f'<rect x="{left:.0f}" width="{width:.0f}" height="{BAR[1]}" rx="2" fill="{colour}"/>'
        "</svg>"
    )


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns: what it is, and what was said."""
    cells = "".join(
        f'<div style="min-width:6em">{name}</div><div>{said}</div>' for name, said in rows
    )
    return (
        '<div style="display:grid;grid-template-columns:max-content 1fr;gap:4px 12px;'
        f'align-items:center;margin:6px 0">{cells}</div>'
    )


def _orders(who: str, guess: Sequence[str], answer: Sequence[str]) -> str:
    """Both orders, first place on top, with a tick where a place is right."""
    rows = [("", f"<b>{who}</b> · <b>answer</b>")]
    for place, (said, found) in enumerate(zip(guess, answer, strict=True), start=1):
        tick = " ✓" if said == found else ""
        rows.append((str(place), f"{escape(said)} · {escape(found)}{tick}"))
    return _rows(rows)
