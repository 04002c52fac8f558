"""Fetches 1,000 photographs from COCO's public address: the 750 of coco-concepts, and 250 more.

A file is put under its name only when it is whole and decodes, so a run that was stopped goes on
with what is missing. The data set finds the default folder by itself once its 750 are in it. The
250 others have no concept; their features ship too, in the same file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import NamedTuple

from safetensors import safe_open

from glasskit.errors import InputError
from glasskit.io.pictures import decode_image
from glasskit.io.places import atomic_write, cache_folder, check_folder
from glasskit.io.web import WebError, check_address, fetch

ADDRESS = "http://images.cocodataset.org/val2014"
"""COCO's own address; it has no certificate of its own name, so it is http."""

FEATURES = Path(__file__).with_name("lite0_features.safetensors")
"""Features of the 1,000 photographs by the built-in image tower."""

WORKERS = 4
"""Files fetched at a time: few, out of courtesy to a free service."""

MOST_VAIN = 4
"""Files in a row that did not come after every try: then no more are asked for. One that the server
says it hasn't (404) is no reason."""

LOOK = 0.2
"""Seconds between two looks whether to stop."""

LARGEST = 20 << 20
"""Bytes; a COCO photograph has at most some hundred thousand."""


PHOTOGRAPH = 160_000
"""Bytes that a photograph has on average, to say beforehand how much will come."""

TIMEOUT = 15.0
"""Seconds without a sign of life after which a file is asked for again."""


class Fetched(NamedTuple):
    """What a run of ``download`` did: how many files came, and how many were there already."""

    folder: Path
    new: int
    there: int


def default_folder() -> Path:
    """Where the photographs go, and are looked for, when no folder is named."""
    return cache_folder("coco-concepts", "images")


def photograph_ids() -> list[str]:
    """The COCO ids of the 1,000 photographs, in the order of the features that ship."""
    with safe_open(FEATURES, "pt") as tensors:
        return str(tensors.metadata()["keys"]).split("\n")


def file_name(key: str) -> str:
    """COCO's name of a photograph: ``COCO_val2014_000000000785.jpg`` for 785."""
    return f"COCO_val2014_{int(key):012d}.jpg"


def download(
    to: Path | None = None,
    *,
    address: str | None = None,
    keys: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    arrived: Callable[[str, int], None] | None = None,
    stop: Event | None = None,
) -> Fetched:
    """Fetch the photographs that are not in a folder yet; one that is there and whole is kept.

    Args:
        to: the folder; ``default_folder()`` where none is given.
        address: where the files are; ``ADDRESS`` where none is given.
        keys: COCO ids; all 1,000 where none are given.
        progress: called with (files that are there or failed, files in all).
        arrived: called with the id and the bytes of each photograph that is there.
        stop: once it is set, this returns at once; the next run goes on from there.

    Raises:
        InputError: the address does not answer, files failed, or the folder cannot be written; what
            came is kept, and the next run goes on from there.
    """
    folder = to if to is not None else default_folder()
    keys = photograph_ids() if keys is None else keys
    address = check_address(address or ADDRESS)
    stop = stop or Event()
    if not all((folder / file_name(key)).is_file() for key in keys):
        check_folder(folder)
    waiting, results = deque(keys), SimpleQueue[Result]()

    def work() -> None:
        while waiting and not stop.is_set():
            with suppress(IndexError):  # another one took the last
                key = waiting.popleft()
                try:
                    results.put(Result(key, *_bring(folder / file_name(key), address, stop)))
                except Exception as error:  # noqa: BLE001 (told by the thread that waits)
                    results.put(Result(key, 0, False, error))

    # Threads that nobody waits for: a stop is a stop, though a server may stall.
    for _ in range(WORKERS):
        Thread(target=work, name="download", daemon=True).start()
    there, new, vain = 0, 0, 0
    failed: list[tuple[str, WebError]] = []
    try:
        while there + new + len(failed) < len(keys) and vain < MOST_VAIN and not stop.is_set():
            try:
                done = results.get(timeout=LOOK)
            except Empty:
                continue
            if isinstance(done.error, WebError):
                failed.append((done.key, done.error))
                vain = 0 if 400 <= (done.error.status or 0) < 500 else vain + 1
            elif done.error is not None:
                raise done.error
            else:
                vain, new, there = 0, new + done.fetched, there + (not done.fetched)
                if arrived is not None:
                    arrived(done.key, done.size)
            if progress is not None:
                progress(there + new + len(failed), len(keys))
    finally:
        waiting.clear()
    if failed and not stop.is_set():
        key, error = failed[-1]
        here = f"{there + new} of {len(keys)} photographs are here, the next run goes on from there"
        if not error.answered:
            raise InputError(f"{address} does not answer ({error}); is there a network? {here}")
        count = f"{len(keys) - there - new} of {len(keys)}"
        raise InputError(
            f"{count} photographs did not come, such as {file_name(key)} ({error}); {here}"
        )
    return Fetched(folder, new, there)


class Result(NamedTuple):
    """What became of one photograph: its bytes, and whether they were fetched just now."""

    key: str
    size: int
    fetched: bool
    error: Exception | None = None


def _bring(file: Path, address: str, stop: Event) -> tuple[int, bool]:
    """Bytes of a photograph that is in its place now, and whether it had to be fetched."""
    if file.is_file() and _is_whole(data := file.read_bytes()):
        return len(data), False
    data = fetch(
        f"{address}/{file.name}",
        largest=LARGEST,
        accept=_is_whole,
        timeout=TIMEOUT,
        pause=stop.wait,
    )
    with atomic_write(file) as scratch:
        scratch.write_bytes(data)
    return len(data), True


def _is_whole(data: bytes) -> bool:
    """Whether these are the bytes of a JPEG with its end, which decodes."""
    try:
        decode_image(data, formats=("JPEG",))
    except InputError:
        return False
    return b"\xff\xd9" in data[-4096:]  # the reader takes one that lacks its last rows
