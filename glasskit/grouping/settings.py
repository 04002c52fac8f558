"""What to build from and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from glasskit.errors import InputError
from glasskit.fields import Settings

FILES = ("annotations.json", "taxonomy.json", "report.md", "report.json")
"""What a build writes into its directory."""


class BuildSettings(Settings):
    """What to build from and how; each field carries its help and its limits.

    Raises:
        InputError: a field is unknown, of the wrong type or outside its limits, or the splits
            leave nothing to train on; names the field.
    """

    source: Path
    """COCO captions .json, .csv (image, caption), or a folder of pictures with .txt files"""
    out: Path
    """directory to write to"""
    images: Path | None = None
    """folder with the pictures; a source that is a folder is its own"""
    concepts: int | None = Field(None, ge=2)
    """concepts to look for; by default 1 for 15 photographs"""
    labels: int = Field(1, ge=1)
    """concepts that a photograph may be in; more than 1 lets groups overlap"""
    min_photos: int = Field(4, ge=1)
    """photographs a concept must have"""
    vocabulary: Path | None = None
    """names to choose from: .txt, or .json as a taxonomy.json"""
    wordnet: Path | None = None
    """folder of WordNet, for names without levels"""
    hard_negatives: int = Field(10, ge=0)
    """concepts named as easily mistaken, for each concept"""
    val: float = 0.1
    """share of each concept"""
    test: float = 0.2
    """share of each concept"""
    seed: int = Field(0, ge=0)
    """of the split, and of samples where there are very many photographs"""
    min_cohesion: float = Field(0.0, le=1)
    """mean cosine within a concept, by captions; looser ones are left out; 0 keeps all"""
    leave_out: str = ""
    """concepts to build without, with commas between"""
    fix_leaks: bool = False
    """drop captions with a word of their concept"""
    overwrite: bool = False
    """replace an old build"""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        val, test = self.val, self.test
        if not (val >= 0 and test >= 0 and val + test < 1):  # NaN is none of these
            raise InputError(f"val {val:g}, test {test:g}: shares of 0 or more, together below 1")
