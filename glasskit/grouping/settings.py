"""What to build from and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILES = ("annotations.json", "taxonomy.json", "report.md", "report.json")
"""What a build writes into its directory."""


@dataclass(frozen=True)
class BuildSettings:
    """What to build from and how.

    Args:
        source: COCO captions .json, .csv, or a folder of pictures with .txt files.
        out: directory to write to.
        images: folder of the pictures; a source that is a folder is its own.
        groups: concepts to look for; None for one for every 15 photographs.
        smallest: photographs that a concept must have.
        vocabulary: file of names; None for the built-in one.
        wordnet: folder with WordNet's files, for names without levels.
        hard_negatives: concepts named as easily mistaken, for each concept.
        val: share of each concept for validation.
        test: share of each concept for the test.
        seed: of the split, and of samples where there are very many photographs.
        cohesion: mean cosine that two photographs of a concept must have, by their captions; looser
            groups are left out with their photographs. 0 keeps all.
        leave_out: names of concepts that are left out with their photographs.
        fix_leaks: drop captions that use a word of their concept.
        overwrite: replace what an earlier build wrote.
    """

    source: Path
    out: Path
    images: str | Path | None = None
    groups: int | None = None
    smallest: int = 4
    vocabulary: Path | None = None
    wordnet: Path | None = None
    hard_negatives: int = 10
    val: float = 0.1
    test: float = 0.2
    seed: int = 0
    cohesion: float = 0.0
    leave_out: tuple[str, ...] = ()
    fix_leaks: bool = False
    overwrite: bool = False
