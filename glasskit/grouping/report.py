"""What is known of a built data set, for people (report_markdown) and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import SPLITS
from glasskit.grouping.quality import Agreement, Tightness


@dataclass(frozen=True, slots=True)
class Leak:
    """A literal caption that uses words of its concept."""

    image: str
    concept: str
    words: tuple[str, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group and its name.

    Args:
        concept: the name that it was given.
        photographs: how many it has in the data set.
        within: mean cosine of two of its photographs, by their captions.
        loose: whether that is less than half of what the median group has: leftovers, perhaps.
        score: cosine by which the name was chosen, both sides centred.
        examples: a caption or two.
    """

    concept: str
    photographs: int
    within: float
    loose: bool
    score: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """All that is known of a built data set.

    Args:
        source: the captions.
        model: that compared captions and names.
        vocabulary: of the names.
        endpoint: the language model that wrote themes, or None.
        seed: of the split.
        notes: a line for each kind of thing of the source that was left out, is doubtful, or that
            the model does not read, with how many there are.
        dataset: what was written.
        groups: its groups, the largest first.
        tightness: of the groups.
        agreement: with labels of the source, or None where it has none.
        leaks: literal captions that use a word of their concept.
        fixed: whether they were dropped.
        dropped: photographs that lost all captions thereby.
        left_out: photographs of each group that was left out by its name, and of all that were
            left out as too loose under "loose groups".
    """

    source: str
    model: str
    vocabulary: str
    endpoint: str | None
    seed: int
    notes: tuple[str, ...]
    dataset: GroupedDataset
    groups: tuple[Group, ...]
    tightness: Tightness
    agreement: Agreement | None
    leaks: tuple[Leak, ...]
    fixed: bool
    dropped: int
    left_out: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values; cosines and shares as they are, counts as whole numbers."""
        records = self.dataset.records
        splits = Counter(record.split for record in records)
        with_levels = sum(any(concept.levels[1:]) for concept in self.dataset.concepts)
        return {
            "source": self.source,
            "model": self.model,
            "vocabulary": self.vocabulary,
            "endpoint": self.endpoint,
            "seed": self.seed,
            "notes": list(self.notes),
            "photographs": len(records),
            "captions": sum(len(record.literal) for record in records),
            "concepts": len(self.dataset.concepts),
            "concepts_with_levels": with_levels,
            "splits": {split: splits[split] for split in SPLITS},
            "themes": {
                "written": sum(bool(record.theme) for record in records),
                "missing": sum(not record.theme for record in records),
            },
            "purity": asdict(self.tightness),
            "agreement": asdict(self.agreement) if self.agreement is not None else None,
            "leaks": {
                "captions": len(self.leaks),
                "dropped": self.fixed,
                "photographs_dropped": self.dropped,
                "list": [asdict(leak) for leak in self.leaks],
            },
            "left_out": self.left_out,
            "groups": [asdict(group) for group in self.groups],
        }


def to_json(report: BuildReport) -> str:
    """The report as JSON."""
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n"
