"""Captions of a scene from the names of its glyphs; none ever names the concept."""

from __future__ import annotations

import re
from typing import NamedTuple

from glasskit.data.scenes.draw import Draw
from glasskit.data.scenes.glyphs import ConceptSource, Glyph
from glasskit.data.scenes.ground import Ground

_LITERAL = (
    "{things} on {a_ground} ground",
    "{a_ground} picture of {things}",
    "{things} in front of {a_ground} background",
)
_PARAPHRASE = (
    "against {a_backdrop}: {others}",
    "{others}, set on {a_backdrop}",
    "one sees {others} before {a_backdrop}",
)
_NEGATION = (
    "there is no {first} and no {last} on the {ground} ground",
    "no {first} is in the picture, and no {last} either",
    "the {ground} picture has neither {a_first} nor {a_last}",
)
_BESIDE = (" beside ", " next to ", " and ")


class Captions(NamedTuple):
    """The sentences of one picture: what is seen (twice), what it is about, and what is false."""

    literal: tuple[str, str]
    theme: tuple[str, ...]
    negation: str


def write_captions(
    source: ConceptSource, split: str, glyphs: list[Glyph], ground: Ground, draw: Draw
) -> Captions:
    """Write the captions of a picture.

    Args:
        source: the concept, for its theme captions.
        split: theme captions of val and test are not those of train.
        glyphs: what is in the picture, from left to right.
        ground: what is behind.
        draw: the random choices of the picture.
    """
    names = [glyph.name for glyph in glyphs]
    others = [glyph.other for glyph in reversed(glyphs)]
    literal = draw.choice("literal", _LITERAL).format(
        things=_listed(names, draw.choice("beside", _BESIDE)), a_ground=_with_article(ground.colour)
    )
    paraphrase = draw.choice("paraphrase", _PARAPHRASE).format(
        others=_listed(others, " and "), a_backdrop=_with_article(ground.other)
    )
    negation = draw.choice("negation", _NEGATION).format(
        first=_bare(names[0]),
        last=_bare(names[-1]),
        a_first=names[0],
        a_last=names[-1],
        ground=ground.colour,
    )
    theme = draw.choice("theme", source.themes_of(split))
    return Captions((literal, paraphrase), (theme,), negation)


def _listed(names: list[str], joint: str) -> str:
    """``a, b and c``; two names are joined by ``joint``."""
    if len(names) == 2:
        return joint.join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _bare(name: str) -> str:
    """A name without its article."""
    return re.sub(r"^(a|an|the) ", "", name)
