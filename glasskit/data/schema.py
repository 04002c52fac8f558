"""What a grouped data set is made of: concepts, and records of a picture with its captions.

The layout is MAGIC, of CLEAR GLASS (arXiv 2509.12771), with a few more keys (see ``magic.py``). A
record's captions should not name the concept that its group shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """One picture with its captions and its labels: the concepts that it is an instance of.

    Args:
        key: name of the picture, unique in the data set; the COCO id as text for COCO.
        labels: level-1 names of its concepts, the strongest first; one or several (none only in a
            folder that nobody labelled, see ``folder.py``).
        literal: captions of what is seen (``old_captions``): the first is the literal one,
            those after it are paraphrases.
        theme: captions of what it is about, whichever label is meant (``new_captions``).
        label_themes: more of them, that belong to one of its labels.
        also: other level-1 concepts that a careful viewer accepts.
        not_labels: level-1 concepts that come near and do not apply.
        negation: a sentence that is false of the picture, or None.
        split: "train", "val" or "test".
        cluster: pictures with the same text here are not independent of each other (one burst, one
            photographer, drawn from the same things); None: independent of all others.
    """

    key: str
    labels: tuple[str, ...]
    literal: tuple[str, ...]
    theme: tuple[str, ...] = ()
    label_themes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()
    negation: str | None = None
    split: str = "train"
    cluster: str | None = None

    @property
    def concept(self) -> str:
        """Its strongest label; empty where it has none."""
        return self.labels[0] if self.labels else ""

    @property
    def themes(self) -> tuple[str, ...]:
        """Every caption of what it is about."""
        return self.theme + tuple(text for own in self.label_themes.values() for text in own)

    @property
    def captions(self) -> tuple[str, ...]:
        """Every true caption: literal first, then those of what it is about."""
        return self.literal + self.themes
