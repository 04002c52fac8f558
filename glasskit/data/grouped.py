"""GroupedDataset: pictures and captions in groups that share an abstract concept.

A picture has one or several labels, and stands in the group of each. Letters: n records, E pairs
of a record and one of its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from glasskit.data.images import FileSource, FolderImages, ImageSource, same_files
from glasskit.data.schema import LEVELS, SPLITS, Concept, Record
from glasskit.errors import InputError


@dataclass(frozen=True)
class GroupedDataset:
    """Records in groups that share a concept, with the taxonomy that they are measured against.

    Args:
        name: shown to people and part of cache keys.
        concepts: the whole taxonomy, in order; concept recognition chooses among all of them.
        records: pictures with their captions.
        images: where the pictures come from.
        credits: whom to name where the pictures are shown.
        features: a safetensors file of image-tower features that ships with the data set, or None.
    """

    name: str
    concepts: tuple[Concept, ...]
    records: tuple[Record, ...]
    images: ImageSource = field(repr=False)
    credits: str = ""
    features: Path | None = None

    def __len__(self) -> int:
        return len(self.records)

    def image(self, index: int, side: int = 0) -> Image.Image:
        """The picture of a record as RGB; raises InputError where it is missing or broken.

        Args:
            index: of the record.
            side: pixels of a side that are needed; a much larger JPEG then comes smaller, which is
                faster. 0: always in full.
        """
        key = self.records[index].key
        if side and isinstance(self.images, FileSource):
            return self.images.open(key, side)
        return self.images.open(key)

    def check(self, index: int) -> None:
        """Look whether a record's picture is there and readable; raises PictureError where not."""
        if isinstance(self.images, FolderImages):
            self.images.check(self.records[index].key)

    def key(self, index: int) -> str:
        """The key of a record."""
        return self.records[index].key

    def fingerprint(self, index: int) -> str:
        """A text that changes when the picture of a record changes."""
        return self.images.fingerprint(self.records[index].key)

    def split(self, name: str) -> GroupedDataset:
        """The records of one split, with the whole taxonomy.

        Raises:
            InputError: the split is empty or not one of train, val, test.
        """
        if name not in SPLITS:
            raise InputError(f"split {name!r}: choose one of {', '.join(SPLITS)}")
        part = self.where(lambda record: record.split == name)
        if not part.records:
            raise InputError(f"data set {self.name!r} has no records in its {name} split")
        return part

    def select(self, indices: Iterable[int]) -> GroupedDataset:
        """The records at these indices, in this order, with the whole taxonomy."""
        return replace(self, records=tuple(self.records[i] for i in indices))

    def where(self, keep: Callable[[Record], bool]) -> GroupedDataset:
        """The records that ``keep`` accepts, with the whole taxonomy."""
        return self.select(i for i, record in enumerate(self.records) if keep(record))

    @cached_property
    def by_name(self) -> dict[str, Concept]:
        """Concepts by their level-1 name."""
        return {concept.name: concept for concept in self.concepts}

    def labels(self, level: int = 1) -> tuple[str, ...]:
        """The distinct names of one level (1 to 4) of the whole taxonomy, in taxonomy order."""
        if level not in range(1, len(LEVELS) + 1):
            raise InputError(f"level {level}: choose 1 to {len(LEVELS)}")
        names = (concept.levels[level - 1] for concept in self.concepts)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def targets(self, level: int = 1) -> np.ndarray:
        """(n,) the index of each record's strongest label in ``labels(level)``; -1: it has none."""
        place = {name: i for i, name in enumerate(self.labels(level))}
        levels = {c.name: c.levels[level - 1] for c in self.concepts}
        own = (levels.get(record.concept) for record in self.records)
        return np.array([-1 if name is None else place[name] for name in own], dtype=np.int64)

    def carried(self, level: int = 1) -> np.ndarray:
        """(n, labels) bool: the labels of each record."""
        return self._mask(level, lambda record: record.labels)

    def acceptable(self, level: int = 1) -> np.ndarray:
        """(n, labels) bool: the labels of a record and those of its ``also`` concepts."""
        return self._mask(level, lambda record: (*record.labels, *record.also))

    def _mask(self, level: int, names: Callable[[Record], Iterable[str]]) -> np.ndarray:
        place = {name: i for i, name in enumerate(self.labels(level))}
        mask = np.zeros((len(self), len(place)), dtype=bool)
        for row, record in zip(mask, self.records, strict=True):
            for name in names(record):
                label = self.by_name[name].levels[level - 1]
                if label is not None:
                    row[place[label]] = True
        return mask

    @cached_property
    def labelled(self) -> bool:
        """Whether a record has a label."""
        return any(record.labels for record in self.records)

    @cached_property
    def several(self) -> bool:
        """Whether a record has more than one label."""
        return any(len(record.labels) > 1 for record in self.records)

    @cached_property
    def memberships(self) -> tuple[np.ndarray, np.ndarray]:
        """(E,) record and (E,) label, as an index into ``labels(1)``; in the order of records."""
        place = {name: i for i, name in enumerate(self.labels(1))}
        pairs = [
            (row, place[name]) for row, record in enumerate(self.records) for name in record.labels
        ]
        owner, label = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return owner, label

    @cached_property
    def _codes(self) -> np.ndarray:
        owner, label = self.memberships
        return np.sort(owner * len(self.labels(1)) + label)

    def carries(self, records: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(K, M) bool: which of these records carry which of these labels.

        Args:
            records: (K,) indices of records. labels: (M,) indices into ``labels(1)``.
        """
        asked = records[:, None] * len(self.labels(1)) + labels[None, :]
        found = np.searchsorted(self._codes, asked)
        return self._codes[np.minimum(found, len(self._codes) - 1)] == asked

    def without(self, names: Collection[str]) -> GroupedDataset:
        """The records with these labels taken off: none of them forms a group.

        A caption of such a label goes with it, and a record that has no other label. Pictures
        that carry one of them stay in the groups of their other labels.
        """
        kept = []
        for record in self.records:
            labels = tuple(name for name in record.labels if name not in names)
            themes = {n: texts for n, texts in record.label_themes.items() if n not in names}
            also = tuple(name for name in record.also if name not in names)
            if labels:
                kept.append(replace(record, labels=labels, label_themes=themes, also=also))
        return replace(self, records=tuple(kept))

    def strongest(self) -> GroupedDataset:
        """Each record under its strongest label alone, with its other labels as acceptable ones.

        Its groups do not overlap, as splits and folds need it.
        """
        kept = []
        for record in self.records:
            themes = {n: texts for n, texts in record.label_themes.items() if n == record.concept}
            also = (*record.labels[1:], *record.also)
            kept.append(replace(record, labels=record.labels[:1], label_themes=themes, also=also))
        return replace(self, records=tuple(kept))

    def never_shown(self, names: Collection[str]) -> GroupedDataset:
        """The records for which none of these labels is acceptable."""
        return self.where(lambda record: not {*record.labels, *record.also} & set(names))

    @cached_property
    def same_files(self) -> list[list[int]]:
        """Lists of records whose pictures have the same bytes, whatever their names."""
        return same_files(self.images, [record.key for record in self.records])

    @cached_property
    def clusters(self) -> np.ndarray:
        """(n,) number of each record's cluster: records of one are not independent of each other.

        One cluster are records of the same ``cluster`` text, and pictures whose files have the same
        bytes, whatever their names. Every other record is a cluster of its own.
        """
        own = (f"cluster {r.cluster}" if r.cluster else f"picture {r.key}" for r in self.records)
        _, number = np.unique(list(own), return_inverse=True)
        for rows in self.same_files:
            number[np.isin(number, number[rows])] = number[rows[0]]
        return np.unique(number, return_inverse=True)[1]

    @cached_property
    def cluster_by(self) -> str:
        """What the clusters are: "picture", "concept", or "cluster" for any other."""
        names, concepts = self.clusters.tolist(), [record.concept for record in self.records]
        pairs = len(set(zip(names, concepts, strict=True)))
        if len(set(names)) == len(self):
            return "picture"
        return "concept" if pairs == len(set(names)) == len(set(concepts)) else "cluster"

    def groups(self) -> dict[str, np.ndarray]:
        """Indices of the records of each concept that has any, in taxonomy order."""
        owner, label = self.memberships
        rows = np.split(
            owner[np.argsort(label, kind="stable")],
            np.cumsum(np.bincount(label, minlength=len(self.labels(1))))[:-1],
        )
        return {name: own for name, own in zip(self.labels(1), rows, strict=True) if len(own)}
