"""What the app shows of one data set: vectors before and after training, maps, small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.models.embedding import Embedding
from glasskit.models.recognition import Recognition
from glasskit_app import map_data
from glasskit_app.thumbnails import Thumbnails

SIDES = ("before", "after")
MODEL = "lite0-minilm"


@dataclass(frozen=True)
class Projection:
    """A data set as one model sees it, with its flat map. Places are (., 2)."""

    embedding: Embedding
    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray


@dataclass(frozen=True)
class DatasetMaps:
    """One data set in the app: its maps before and after training, and what they are drawn from.

    Attributes:
        dataset: records and taxonomy.
        before: by the untrained model.
        after: by the trained model.
        run: directory of the trained model.
        thumbnails: small pictures, or None where the data set's pictures are not here.
    """

    dataset: GroupedDataset
    before: Projection
    after: Projection
    run: Path
    thumbnails: Thumbnails | None

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.dataset.name

    def projection(self, side: str) -> Projection:
        """``before`` or ``after``."""
        return self.before if side == "before" else self.after

    def recognised(self, side: str) -> Recognition:
        """How near each record's own concept is, and which concept is nearest; computed once."""
        return self._recognised[side]

    @cached_property
    def _recognised(self) -> dict[str, Recognition]:
        targets = self.dataset.targets(1)
        return {side: self.projection(side).embedding.recognised(targets) for side in SIDES}

    @cached_property
    def map_file(self) -> bytes:
        """What the browser draws the maps from (see app/map_data.py), computed once."""
        return map_data.map_file(self)

    @cached_property
    def texts_file(self) -> bytes:
        """Keys and captions for the browser, computed once."""
        return map_data.texts_file(self)

    def sentence(self, side: str) -> str:
        """How many pictures one side recognises, in words."""
        split, chosen = measured(self.dataset)
        right = (self.recognised(side).rank[chosen] == 1).sum()
        return f"{right:,} of {len(chosen):,} {split} pictures recognised"

    def story(self) -> str:
        """One sentence with the two numbers that the maps are about."""
        split, chosen = measured(self.dataset)
        before, after = (self.recognised(side).rank == 1 for side in SIDES)
        where = "that training never saw" if split == "unseen" else "of the data set"
        seen = f"Of {len(chosen):,} pictures {where}, the model puts {before[chosen].sum():,}"
        return (
            f"{seen} nearest to their own concept before training and {after[chosen].sum():,} "
            f"after; there are {len(self.dataset.labels(1))} concepts to choose from."
        )


def measured(data: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(data.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(data))))
