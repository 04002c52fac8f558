"""A text model that knows five subjects, captions of them, and a vocabulary that fits."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from glasskit.models.reading import Reading

SUBJECTS = {
    "feast": ("cake", "candles", "guests", "wine"),
    "voyage": ("ship", "sail", "harbour", "captain"),
    "harvest": ("wheat", "barn", "tractor", "sickle"),
    "frost": ("ice", "snow", "glacier", "icicle"),
    "music": ("violin", "drum", "choir", "flute"),
}
"""A concept and the things that its captions show."""


class SubjectModel:
    """Encodes a text by the subjects that its words belong to, and a little of its own."""

    name = "subjects"
    tower_hash = "5" * 64
    text_width = len(SUBJECTS) + 8
    device = torch.device("cpu")

    def text_tower(self, texts: Sequence[str]) -> Tensor:
        rows = torch.zeros(len(texts), self.text_width)
        for row, text in zip(rows, texts, strict=True):
            for axis, (name, things) in enumerate(SUBJECTS.items()):
                row[axis] = 2.0 * sum(word in text for word in (name, *things))
            noise = torch.Generator().manual_seed(sum(text.encode()))
            row[len(SUBJECTS) :] = 0.2 * torch.randn(8, generator=noise)
        return rows

    def reading(self, texts: Sequence[str]) -> Reading:
        return Reading(self.name, len(texts))

    def embed_text_features(self, features: Tensor) -> Tensor:
        return functional.normalize(features, dim=-1)


def captions() -> list[tuple[str, str, str]]:
    """(image, caption, concept): 12 photographs of each subject with two captions each."""
    rows = []
    for concept, things in SUBJECTS.items():
        pairs = [(a, b) for a, b in product(things, things) if a != b]
        for number, (a, b) in enumerate(pairs):
            image = f"{concept}-{number}.png"
            rows.append((image, f"a {a} beside a {b}", concept))
            rows.append((image, f"one sees the {b} and a {a}", concept))
    return rows


def write_csv(file: Path, rows: Sequence[tuple[str, str, str]] | None = None) -> Path:
    """The captions as a table with labels."""
    with file.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(["image", "caption", "concept"])
        table.writerows(captions() if rows is None else rows)
    return file


LEVELS = ("level1", "level2", "level3", "level4")
VOCABULARY = [
    *(("feast", "party", "doing", "life"), ("music", "party", "doing", "life")),
    *(("voyage", "moving", "doing", "life"), ("chess", "moving", "doing", "life")),
    *(("harvest", "autumn", "year", "world"), ("frost", "winter", "year", "world")),
    ("dusk", "winter", "year", "world"),
]
"""The five concepts with levels, and two that fit nothing."""


def write_vocabulary(file: Path) -> Path:
    """The vocabulary as JSON."""
    file.write_text(json.dumps([dict(zip(LEVELS, v, strict=True)) for v in VOCABULARY]))
    return file
