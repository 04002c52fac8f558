"""Where a step's inputs come from: tables of cached features, or pictures that are loaded.

n records, t texts, F and G feature widths, T tokens a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from glasskit.models.stream import ahead
from glasskit.training.batches import Batches, Rows

if TYPE_CHECKING:
    from glasskit.models import GlassModel


class Step(NamedTuple):
    """Inputs of one step."""

    rows: Rows
    images: Tensor
    texts: Tensor


class Loader:
    """The steps of an epoch with their inputs on the training device.

    Threads load ahead: Pillow and torch let other threads run while they decode, resize and copy.
    Worker processes would be forked from a process with threads, which can stop for good, or import
    torch anew in every epoch.

    Args:
        batches: which records and captions each step has.
        load: makes the inputs of a step.
        device: where they are put.
        workers: threads that load; 0 loads each step when it is asked for.
    """

    def __init__(
        self,
        batches: Batches,
        load: Callable[[Rows], Step],
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.batches, self.load, self.device, self.workers = batches, load, device, workers

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Step]:
        """The steps of one epoch from ``start`` on."""
        rows = self.batches.epoch(epoch, start)
        loaded: Iterator[Step] = map(self.load, rows)
        if self.workers:
            loaded = ahead(rows, self.load, 2 * self.workers, self.workers)
        for step in loaded:
            images = step.images.to(self.device, non_blocking=True)
            yield Step(step.rows, images, step.texts.to(self.device, non_blocking=True))


def table_loader(batches: Batches, images: Tensor, texts: Tensor) -> Loader:
    """Steps from feature tables: two index operations each.

    Args:
        batches: which records and captions each step has.
        images: (n, F) on the training device.
        texts: (t, G) features of ``batches.texts``, there too.
    """
    device = images.device

    def load(rows: Rows) -> Step:
        return Step(rows, images[rows.images.to(device)], texts[rows.texts.to(device)])

    return Loader(batches, load, device)


def picture_loader(
    batches: Batches, model: GlassModel, device: torch.device, workers: int
) -> Loader:
    """Steps from pictures; the model's preprocess and tokenizer are used."""
    dataset, side, preprocess = batches.dataset, model.image_side, model.preprocess
    tokens = model.tokens(batches.texts).cpu()  # (t, T)

    def load(rows: Rows) -> Step:
        pictures = (dataset.image(int(row), side) for row in rows.images)
        step = Step(rows, torch.stack([preprocess(p) for p in pictures]), tokens[rows.texts])
        if device.type == "cuda":
            return Step(rows, step.images.pin_memory(), step.texts.pin_memory())
        return step

    return Loader(batches, load, device, workers)
