"""Pictures streamed through the image tower: threads decode ahead while the tower computes.

Pillow lets other threads run while it decodes and resizes, so threads are enough. What is in flight
is bounded: twice a batch of small uint8 pictures, and one picture in full size a thread.

B pictures a batch, H x W the tower's input, F the width of its features.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import Normalize, ToTensor

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 32

BATCH = {"cpu": 16, "cuda": 256}
"""B: pictures that the tower takes at once."""


class Preparation:
    """A preprocess, cut where that makes it cheaper; the result is the same.

    One that ends in torchvision's ToTensor and Normalize, as open_clip's do, is cut before them:
    pictures wait and travel as uint8, a quarter of the bytes, and are normalised together where the
    tower is. Any other is left whole. What comes before is not touched: torchvision resizes tensors
    three times as fast as Pillow resizes pictures, but one value in 300 rounds otherwise, and that
    alone turns a vector of lite0-minilm by a cosine of 3e-5.

    Args:
        preprocess: an RGB picture to (3, H, W).

    Attributes:
        normalise: (B, 3, H, W) from 0 to 1 -> what the tower takes; None where it was not cut.
    """

    def __init__(self, preprocess: Callable[[Image.Image], Tensor]) -> None:
        self.whole = preprocess
        self.steps = list(getattr(preprocess, "transforms", []))
        self.normalise: Normalize | None = None
        ends = tuple(map(type, self.steps[-2:]))
        if len(ends) == 2 and issubclass(ends[0], ToTensor) and issubclass(ends[1], Normalize):
            self.normalise = self.steps[-1]
            self.steps = self.steps[:-2]

    def one(self, picture: Image.Image) -> Tensor:
        """(H, W, 3) uint8, or (3, H, W) float32 where the preprocess could not be cut."""
        if self.normalise is None:
            return self.whole(picture)
        for step in self.steps:
            picture = step(picture)
        return torch.from_numpy(np.array(picture))

    def batch(self, pictures: Tensor, device: torch.device) -> Tensor:
        """Stacked results of ``one`` -> (B, 3, H, W) as the tower takes it, channels last."""
        if device.type == "cuda" and not pictures.is_cuda:
            pictures = pictures.pin_memory().to(device, non_blocking=True)
        if self.normalise is not None:
            # (B, H, W, 3) seen as (B, 3, H, W): the layout that convolutions are fastest on.
            pictures = self.normalise(pictures.permute(0, 3, 1, 2).float().div_(255))
        return pictures.to(device, memory_format=torch.channels_last)


def ahead(
    items: Iterable[T], work: Callable[[T], R], most: int, workers: int | None = None
) -> Iterator[R]:
    """``work`` of each item in order, done in threads with at most ``most`` items under way.

    What ``items`` or ``work`` raises is raised here; what was under way then is dropped.

    Args:
        items: read here, one after the other.
        work: called in one of the threads.
        most: items that have been begun and whose result was not asked for yet.
        workers: threads; by default one a core.
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers or threads()) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # an error, or a reader that has enough: what has not begun is not begun
            for future in waiting:
                future.cancel()


def read_ahead(items: Iterable[T], most: int = 64) -> Iterator[T]:
    """The items in order, read by a thread of its own that is at most ``most`` of them ahead.

    What comes over a network then comes while the tower computes.
    """
    walk, end = iter(items), object()
    for item in ahead(repeat(None), lambda _: next(walk, end), most, workers=1):
        if item is end:
            return
        yield item  # type: ignore[misc]  # not the end, so an item


def threads() -> int:
    """Threads that decode: one a core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_THREADS)
