"""What a grouped data set is made of: concepts, and records of a picture with its captions.

The layout is MAGIC, of CLEAR GLASS (arXiv 2509.12771), with a few more keys (see ``magic.py``). A
record's captions should not name the concept that its group shares.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("level1", "level2", "level3", "level4")
SPLITS = ("train", "val", "test")

Levels = tuple[str, str | None, str | None, str | None]
"""Names of a concept at level 1 to 4."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept of the taxonomy, from specific (level 1) to general (level 4).

    Args:
        levels: names at level 1 to 4; None where the data set does not say.
        guide: one line that says what belongs here.
        hard_negatives: level-1 names of concepts that are easily taken for this one.
    """

    levels: Levels
    guide: str = ""
    hard_negatives: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The level-1 name."""
        return self.levels[0]


@dataclass(frozen=True, slots=True)
class Record:
    """One picture with its captions.

    Args:
        key: name of the picture, unique in the data set; the COCO id as text for COCO.
        concept: level-1 name of its concept.
        literal: captions of what is seen (``old_captions``): the first is the literal one,
            those after it are paraphrases.
        theme: captions of what it is about, naming no concept (``new_captions``).
        also: other level-1 concepts that a careful viewer accepts.
        negation: a sentence that is false of the picture, or None.
        split: "train", "val" or "test".
        cluster: pictures with the same text here are not independent of each other (one burst, one
            photographer, drawn from the same things); None: independent of all others.
    """

    key: str
    concept: str
    literal: tuple[str, ...]
    theme: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    negation: str | None = None
    split: str = "train"
    cluster: str | None = None

    @property
    def captions(self) -> tuple[str, ...]:
        """Every true caption: literal first, then theme."""
        return self.literal + self.theme
