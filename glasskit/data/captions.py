"""The captions of a data set as one table, drawn by kind: literal, paraphrase, theme or word.

n records, E pairs of a record and one of its labels (`GroupedDataset.memberships`), C the most
captions that a record has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import Record
from glasskit.errors import InputError


class CaptionTable:
    """Every caption once, by index, with the weights by which they are drawn.

    A record's first literal caption is of the kind literal, its other literal captions are
    paraphrases, theme captions are themes, and words come from outside. A draw takes a kind by its
    weight among the kinds that the record has, then a caption of that kind, all alike. Drawn for
    one of several labels, the themes are those of that label, or where it has none those for
    whatever label.

    Args:
        dataset: the records.
        literal: weight of the literal caption.
        paraphrase: weight of all paraphrases together.
        theme: weight of all themes together.
        word: weight of all words together.
        words: of each record, such as `glasskit.training.words` finds them.

    Attributes:
        texts: every caption, record by record.
        owner: (E,) the record of each pair.
        start: (n + 1,) where each record's captions begin in ``texts``, literal ones first.
        literal: (n,) how many literal captions each record has.
        themes: (E, 2) where the themes that `general` draws for a pair begin in ``texts``, and how
            many they are.

    Raises:
        InputError: a record has no caption of any kind with a weight above zero.
    """

    def __init__(
        self,
        dataset: GroupedDataset,
        literal: float = 1.0,
        paraphrase: float = 1.0,
        theme: float = 1.0,
        word: float = 0.0,
        words: Sequence[Sequence[str]] | None = None,
    ) -> None:
        records = dataset.records
        words = [()] * len(records) if words is None else words
        of_each = [(*record.captions, *own) for record, own in zip(records, words, strict=True)]
        self.texts = [text for own in of_each for text in own]
        counts = [len(own) for own in of_each]
        self.owner = dataset.memberships[0]
        self.literal = np.array([len(record.literal) for record in records], np.int64)
        self.start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        share = np.zeros((len(self.owner), max(counts, default=0)))
        self.themes = np.zeros((len(self.owner), 2), dtype=np.int64)
        pairs = [(i, label) for i, record in enumerate(records) for label in record.labels]
        for row, own_themes, (place, label) in zip(share, self.themes, pairs, strict=True):
            record = records[place]
            cut = len(record.literal)
            themes = cut + _themes(record, label)
            general = themes if len(themes) else cut + np.arange(len(record.themes))
            if len(general):
                own_themes[:] = self.start[place] + general[0], len(general)
            row[:1] = literal if cut else 0.0
            row[1:cut] = paraphrase / max(cut - 1, 1)
            row[themes] = theme / max(len(themes), 1)
            row[len(record.captions) : counts[place]] = word / max(len(words[place]), 1)
            if not row.sum() > 0:
                raise InputError(
                    f"record {record.key!r} has no caption of a kind that the caption weights let "
                    "through; raise literal_weight, paraphrase_weight or theme_weight"
                )
        self.cumulative = np.cumsum(share / share.sum(1, keepdims=True), axis=1)  # (E, C)

    def counts(self, records: np.ndarray) -> np.ndarray:
        """(...) how many captions each of these records has."""
        return self.start[records + 1] - self.start[records]

    def draw(self, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(...) one caption of each pair's record, by the weights, as indices into ``texts``."""
        records = self.owner[pairs]
        ticket = rng.random(pairs.shape)[..., None]
        choice = (ticket >= self.cumulative[pairs]).sum(-1)
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

    def general(self, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(...) a theme of each pair's label, else of its record, all alike; -1 where it has none.

        A record whose only themes are those of other labels gives one of these.
        """
        first, count = self.themes[pairs, 0], self.themes[pairs, 1]
        chosen = first + np.floor(rng.random(pairs.shape) * count).astype(np.int64)
        return np.where(count > 0, chosen, -1)

    def vary(self, pairs: np.ndarray, captions: np.ndarray) -> np.ndarray:
        """The captions; a photograph that comes again in its group (last axis) has its next one."""
        groups = pairs.reshape(-1, pairs.shape[-1])
        out = captions.reshape(groups.shape).copy()
        for group, texts in zip(groups, out, strict=True):
            for pair in np.unique(group):
                places = np.flatnonzero(group == pair)
                steps = np.diff(self.cumulative[pair], prepend=0.0)
                drawable = self.start[self.owner[pair]] + np.flatnonzero(steps > 0)
                first = np.searchsorted(drawable, texts[places[0]])
                texts[places] = drawable[(first + np.arange(len(places))) % len(drawable)]
        return out.reshape(captions.shape)


def _themes(record: Record, label: str) -> np.ndarray:
    """Places among a record's themes of those that are drawn for a label."""
    first = len(record.theme)
    for name, texts in record.label_themes.items():
        if name == label:
            return np.arange(first, first + len(texts))
        first += len(texts)
    return np.arange(len(record.theme))
