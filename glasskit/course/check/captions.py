"""Checkers of what captions say, and of a baseline that reads what its rival reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from glasskit.course.check.steps import OPEN, Checked, Help, Step, ask
from glasskit.data.leaks import leaked_words
from glasskit.training import TrainConfig

KINDS = ("literal_weight", "paraphrase_weight", "theme_weight", "word_weight")

Search = Callable[[str, Sequence[str]], Sequence[str]]

SENTENCES: Sequence[tuple[str, str, str]] = (
    ("the word itself", "A quiet celebration at home.", "celebration"),
    ("capitals and punctuation", "Celebration! The cake is cut.", "celebration"),
    ("a word derived from it", "Friends are celebrating late.", "celebration"),
    ("a name of two words", "The urban sky is grey.", "urban life"),
    ("small words of a name", "A cup on the edge of a table.", "loss of home"),
    ("a word that only contains it", "The carpet lies on the floor.", "pet"),
    ("nothing", "A dog sleeps on a sofa.", "solitude"),
)
"""What is tried, the caption, the concept; `leaked_words` has the answer."""

_HINTS = {
    "capitals and punctuation": "are capitals and punctuation out of the way?",
    "a word derived from it": "compare stems: what do 'celebrating' and 'celebration' share?",
    "a name of two words": "each word of a name counts, but words such as 'of' give nothing away",
    "small words of a name": "words such as 'of' in a name give nothing away",
    "a word that only contains it": "'carpet' is not derived from 'pet': compare whole words",
    "nothing": "this caption gives nothing away",
}


def leaks(own: Search) -> Checked:
    """The words of a caption that give a concept away: those of its name, and derived ones.

    Args:
        own: a caption, the names of a concept -> the words of the caption that give it away.
    """

    def shape() -> Help:
        found = own(*_asked(SENTENCES[0]))
        if found is None:
            return OPEN
        if isinstance(found, str | bool) or not isinstance(found, Sequence):
            return f"it returns a {type(found).__name__}; return a list of words, empty for none"
        return None

    def sentence(case: tuple[str, str, str]) -> Help:
        what, caption, concept = case
        wanted = leaked_words(caption, [concept])
        found = sorted(word.strip(".,!").lower() for word in own(*_asked(case)))
        if found == sorted(wanted):
            return None
        hint = _HINTS.get(what, "look for each word of the name in the caption")
        return f"{caption!r} under {concept!r} gives {found}: {hint}"

    steps: list[Step] = [("a list of words", shape)]
    steps += [(case[0], partial(sentence, case)) for case in SENTENCES]
    return ask("Captions that give a concept away", steps)


def baseline(own: Callable[[], Mapping[str, Any]]) -> Checked:
    """Settings of a CLIP baseline that reads the same captions as the grouped loss, coco-ideas.

    Args:
        own: -> fields of `TrainConfig` that are changed from its defaults.
    """
    grouped = _fitted({"objective": "grouped"})

    def shape() -> Help:
        changes = own()
        if changes is None:
            return OPEN
        if not isinstance(changes, Mapping):
            return f"it returns a {type(changes).__name__}; return a dict of settings"
        if TrainConfig(**changes).objective != "clip":
            return "the objective is not clip: the loss is what shall differ"
        return None

    def same_captions() -> Help:
        mine = _fitted(own())
        for kind in KINDS:
            if mine[kind] != grouped[kind]:
                return (
                    f"{kind} is {mine[kind]:g} here and {grouped[kind]:g} for the grouped loss: "
                    "one of them reads what the other does not"
                )
        return None

    def nothing_else() -> Help:
        usual, mine = _fitted({"objective": "clip"}), _fitted(own())
        other = sorted(name for name in mine if mine[name] != usual[name] and name not in KINDS)
        return f"{other[0]} is changed too: then two things differ" if other else None

    steps: list[Step] = [("another loss", shape), ("the same captions", same_captions)]
    return ask("A fair baseline", [*steps, ("nothing else", nothing_else)])


def _asked(case: tuple[str, str, str]) -> tuple[str, list[str]]:
    return case[1], [case[2]]


def _fitted(changes: Mapping[str, Any]) -> dict[str, Any]:
    """All settings as a run on pictures of several labels fills them in."""
    return TrainConfig(**changes).fitted(132, 200, several=True).as_dict()
