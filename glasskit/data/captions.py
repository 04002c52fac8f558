"""The captions of a data set as one table, drawn by kind: literal, paraphrase or theme.

n records, C the most captions that a record has.
"""

from __future__ import annotations

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.errors import InputError


class CaptionTable:
    """Every caption once, by index, with the weights by which they are drawn.

    A record's first literal caption is of the kind literal, its other literal captions are
    paraphrases, and theme captions are themes. A draw takes a kind by its weight among the kinds
    that the record has, then a caption of that kind, all alike.

    Args:
        dataset: the records.
        literal: weight of the literal caption.
        paraphrase: weight of all paraphrases together.
        theme: weight of all themes together.

    Attributes:
        texts: every caption, record by record.
        start: (n + 1,) where each record's captions begin in ``texts``, literal ones first.
        literal: (n,) how many literal captions each record has.

    Raises:
        InputError: a record has no caption of any kind with a weight above zero.
    """

    def __init__(
        self,
        dataset: GroupedDataset,
        literal: float = 1.0,
        paraphrase: float = 1.0,
        theme: float = 1.0,
    ) -> None:
        self.texts: list[str] = []
        counts = [len(record.captions) for record in dataset.records]
        self.literal = np.array([len(record.literal) for record in dataset.records], np.int64)
        self.start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        share = np.zeros((len(counts), max(counts, default=0)))
        for row, record in zip(share, dataset.records, strict=True):
            self.texts.extend(record.captions)
            cut, end = len(record.literal), len(record.captions)
            row[:1] = literal if cut else 0.0
            row[1:cut] = paraphrase / max(cut - 1, 1)
            row[cut:end] = theme / max(end - cut, 1)
            if not row.sum() > 0:
                raise InputError(
                    f"record {record.key!r} has no caption of a kind that the caption weights let "
                    "through; raise literal_weight, paraphrase_weight or theme_weight"
                )
        self.cumulative = np.cumsum(share / share.sum(1, keepdims=True), axis=1)  # (n, C)

    def counts(self, records: np.ndarray) -> np.ndarray:
        """(...) how many captions each of these records has."""
        return self.start[records + 1] - self.start[records]

    def draw(self, records: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(...) one caption of each record, by the weights, as indices into ``texts``."""
        ticket = rng.random(records.shape)[..., None]
        choice = (ticket >= self.cumulative[records]).sum(-1)
        # The sum of shares may end a rounding below 1, and a ticket may lie above it.
        return self.start[records] + np.minimum(choice, self.counts(records) - 1)

    def others(
        self, records: np.ndarray, captions: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(...) another literal caption of the same record, all alike; -1 where it has no other.

        A theme caption is no paraphrase: it does not say what is seen.
        """
        counts, start = self.literal[records], self.start[records]
        own = captions - start
        among = counts - (own < counts)  # less the caption itself where it is a literal one
        hop = 1 + np.floor(rng.random(records.shape) * among).astype(np.int64)
        first = np.where(own < counts, own, -1)
        return np.where(among > 0, start + (first + hop) % np.maximum(counts, 1), -1)

    def vary(self, records: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """The captions; a photograph that comes again in its group (last axis) has its next one."""
        groups = records.reshape(-1, records.shape[-1])
        out = captions.reshape(groups.shape).copy()
        for group, texts in zip(groups, out, strict=True):
            for record in np.unique(group):
                places = np.flatnonzero(group == record)
                steps = np.diff(self.cumulative[record], prepend=0.0)
                drawable = self.start[record] + np.flatnonzero(steps > 0)
                first = np.searchsorted(drawable, texts[places[0]])
                texts[places] = drawable[(first + np.arange(len(places))) % len(drawable)]
        return out.reshape(captions.shape)
