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
from itertools import islice
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel

T = TypeVar("T")
R = TypeVar("R")

MOST_THREADS = 32


def tower_batches(
    model: GlassModel,
    items: Iterable[T],
    load: Callable[[T], Image.Image],
    batch_size: int | None = None,
) -> Iterator[tuple[tuple[T, ...], Tensor]]:
    """(items of a batch, their (B, F) float32 features on the CPU), batch by batch, in order.

    No more batches are computed than the tower does at once (`GlassModel.tower_jobs`); only
    decoding runs further ahead.

    Args:
        model: whose image tower and preprocessing are used.
        items: what stands for the pictures; read as far as is decoded ahead, so it may be endless.
        load: an item to an RGB picture; called in threads. What it raises is raised here.
        batch_size: B; 16, or 256 on a GPU.
    """
    size = batch_size or (256 if model.device.type == "cuda" else 16)
    prepare = model.preparation

    def one(item: T) -> tuple[T, Tensor]:
        return item, prepare.one(load(item))

    def compute(batch: list[tuple[T, Tensor]]) -> tuple[tuple[T, ...], Tensor]:
        names, pictures = zip(*batch, strict=True)
        with torch.inference_mode():
            return names, model.tower(torch.stack(pictures)).float().cpu()

    batches = _in_batches(ahead(items, one, size * 2), size)
    jobs = model.tower_jobs
    return map(compute, batches) if jobs == 1 else ahead(batches, compute, jobs, jobs)


def _in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of ``size``, the last one shorter."""
    walk = iter(items)
    while batch := list(islice(walk, size)):
        yield batch


def ahead(
    items: Iterable[T], work: Callable[[T], R], most: int, workers: int | None = None
) -> Iterator[R]:
    """``work`` of each item in order, done in threads with at most ``most`` items under way.

    An error of ``items`` or of ``work`` is raised after the results of the items before it.

    Args:
        items: read here, one after the other.
        work: called in one of the threads.
        most: items that have been begun and whose result was not asked for yet.
        workers: threads; by default one a core.
    """
    waiting: deque[Future[R]] = deque()
    failure: Exception | None = None
    walk = iter(items)
    with ThreadPoolExecutor(workers or threads()) as pool:
        try:
            while True:
                try:
                    item = next(walk)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 (raised below, after what came before it)
                    failure = error
                    break
                waiting.append(pool.submit(work, item))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # an error, or a reader that has enough: what has not begun is not begun
            for future in waiting:
                future.cancel()
    if failure is not None:
        raise failure


def read_ahead(items: Iterable[T], most: int = 64) -> Iterator[T]:
    """The items in order, read by a thread of its own that is at most ``most`` of them ahead.

    What comes over a network then comes while the tower computes.
    """
    done = object()
    shelf: Queue[Any] = Queue(most)
    left = Event()

    def put(item: object) -> bool:
        while not left.is_set():
            try:
                shelf.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            if all(map(put, items)):
                put(done)
        except BaseException as error:  # noqa: BLE001 (it is raised where the items are used)
            put(error)

    Thread(target=read, daemon=True).start()
    try:
        while (item := shelf.get()) is not done:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()


def threads() -> int:
    """Threads that decode: one a core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_THREADS)
