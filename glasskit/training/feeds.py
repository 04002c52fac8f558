"""Where a step's inputs come from: tables of cached features, or pictures that are loaded.

n records, t texts, F and G feature widths, T tokens a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch import Tensor

from glasskit.data.grouped import GroupedDataset
from glasskit.data.sampler import EpochPlan
from glasskit.models.stream import ahead
from glasskit.training.batches import Batches, Rows

if TYPE_CHECKING:
    from glasskit.models import GlassModel

Progress = Callable[[int, int], None]


class Step(NamedTuple):
    """Inputs of one step on the training device."""

    rows: Rows
    images: Tensor
    texts: Tensor


class Feed(Protocol):
    """The steps of an epoch with their inputs."""

    batches: Batches

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Step]: ...


@dataclass(frozen=True, slots=True)
class Features:
    """How tower features are computed; by default through the disk cache.

    Args:
        images: (model, dataset, progress) -> (n, F).
        texts: (model, texts, progress) -> (t, G).
    """

    images: Callable[[GlassModel, GroupedDataset, Progress | None], Tensor]
    texts: Callable[[GlassModel, Sequence[str], Progress | None], Tensor]


def cached_features() -> Features:
    """Features by `glasskit.models.features`: computed once, then read from disk."""
    from glasskit.models.features import image_features, text_features

    return Features(image_features, text_features)


def embed_share(
    model: GlassModel,
    dataset: GroupedDataset,
    rank: int,
    world: int,
    progress: Progress | None = None,
) -> None:
    """Put one process's share of the picture features that training needs into the disk cache.

    Without it one process would embed everything while the others wait for it.
    """
    from glasskit.models.features import image_features

    part = dataset.where(lambda record: record.split != "test")
    image_features(model, part.select(range(rank, len(part), world)), progress)


class FeatureBank:
    """Tower features of the train and val splits, found by record key and by text.

    They are computed split by split, whole: which records are held out for validation then changes
    nothing in what the disk cache is asked for.

    Args:
        model: whose towers are used.
        dataset: all records; those of the test split are left alone.
        features: how they are computed.
        negations: whether the records' negations are wanted as well.
        progress: called with (done, total) while pictures are embedded.
    """

    def __init__(
        self,
        model: GlassModel,
        dataset: GroupedDataset,
        features: Features,
        negations: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._compute = lambda texts: features.texts(model, texts, None)
        self._image = Table()
        self._text = Table()
        for name in ("train", "val"):
            part = dataset.where(lambda record, name=name: record.split == name)
            if not len(part):
                continue
            keys = [record.key for record in part.records]
            self._image.add(keys, features.images(model, part, progress))
            texts = [caption for record in part.records for caption in record.captions]
            if negations:
                texts += [record.negation for record in part.records if record.negation]
            self._add(texts)

    def images(self, part: GroupedDataset) -> Tensor:
        """(n, F) features of the records of a part."""
        return self._image.rows([record.key for record in part.records])

    def texts(self, texts: Sequence[str]) -> Tensor:
        """(t, G) features of texts; those not met before are computed."""
        self._add(texts)
        return self._text.rows(texts)

    def _add(self, texts: Sequence[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self._text.place]
        if new:
            self._text.add(new, self._compute(new))


class Table:
    """Rows by name."""

    def __init__(self) -> None:
        self.place: dict[str, int] = {}
        self._values: Tensor | None = None

    def add(self, names: Sequence[str], values: Tensor) -> None:
        """Append rows; names must be new."""
        self.place |= {name: len(self.place) + i for i, name in enumerate(names)}
        self._values = values if self._values is None else torch.cat([self._values, values])

    def rows(self, names: Sequence[str]) -> Tensor:
        """(names, width) their rows."""
        if self._values is None:
            raise KeyError(names[0])
        return self._values[torch.tensor([self.place[name] for name in names])]


class TableFeed:
    """Steps from feature tables: two index operations each.

    Args:
        batches: which records and captions each step has.
        image: (n, F) on the training device.
        text: (t, G) features of ``batches.texts``, there too.
    """

    def __init__(self, batches: Batches, image: Tensor, text: Tensor) -> None:
        self.batches, self.image, self.text = batches, image, text

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Step]:
        """The steps of one epoch from ``start`` on."""
        device = self.image.device
        for rows in self.batches.epoch(epoch, start):
            yield Step(rows, self.image[rows.images.to(device)], self.text[rows.texts.to(device)])


class PictureFeed:
    """Steps from pictures, loaded ahead by threads.

    Pillow and torch let other threads run while they decode, resize and copy. Worker processes
    would be forked from a process with threads, which can stop for good, or import torch anew in
    every epoch.

    Args:
        batches: which records and captions each step has.
        model: its preprocess and tokenizer are used.
        device: where inputs are put.
        workers: threads that load; 0 loads each step when it is asked for.
    """

    def __init__(
        self, batches: Batches, model: GlassModel, device: torch.device, workers: int
    ) -> None:
        self.batches, self.device, self.workers = batches, device, workers
        self.preprocess, self.side = model.preprocess, model.image_side
        self.tokens = model.tokens(batches.texts).cpu()  # (t, T)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Step]:
        """The steps of one epoch from ``start`` on."""
        plan = self.batches.sampler.plan(epoch)
        steps = range(start, len(plan))
        loaded = (
            ahead(steps, partial(self._load, plan), 2 * self.workers, self.workers)
            if self.workers
            else map(partial(self._load, plan), steps)
        )
        for rows, images, texts in loaded:
            yield Step(
                rows,
                images.to(self.device, non_blocking=True),
                texts.to(self.device, non_blocking=True),
            )

    def _load(self, plan: EpochPlan, step: int) -> Step:
        """A step's inputs on the CPU."""
        rows = self.batches.rows(plan, step)
        dataset = self.batches.dataset
        pictures = (dataset.image(int(i), self.side) for i in rows.images)
        images = torch.stack([self.preprocess(picture) for picture in pictures])
        texts = self.tokens[rows.texts]
        if self.device.type == "cuda":
            images, texts = images.pin_memory(), texts.pin_memory()
        return Step(rows, images, texts)
