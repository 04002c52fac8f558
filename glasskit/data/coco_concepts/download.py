"""Fetches 1,000 photographs from COCO's public address: the 750 of coco-concepts, and 250 more.

A file is put under its name only when it is whole and decodes, so a run that was stopped goes on
with what is missing. The data set finds the default folder by itself once its 750 are in it. The
250 others have no concept; their features ship too, in the same file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open

from glasskit.errors import InputError
from glasskit.io.pictures import decode_image, open_image
from glasskit.io.places import atomic_write, cache_folder, check_folder
from glasskit.io.web import WebError, check_address, fetch

ADDRESS = "http://images.cocodataset.org/val2014"
"""COCO's own address; it has no certificate of its own name, so it is http."""

WORKERS = 4
"""Files fetched at a time: few, out of courtesy to a free service."""

LARGEST = 20 << 20
"""Bytes; a COCO photograph has at most some hundred thousand."""


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
    file = Path(str(files(__package__))) / "lite0_features.safetensors"
    with safe_open(file, "pt") as tensors:
        return str(tensors.metadata()["keys"]).split("\n")


def file_name(key: str) -> str:
    """COCO's name of a photograph: ``COCO_val2014_000000000785.jpg`` for 785."""
    return f"COCO_val2014_{int(key):012d}.jpg"


def download(
    to: Path | None = None,
    *,
    address: str = ADDRESS,
    keys: list[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch the photographs that are not in a folder yet.

    Args:
        to: the folder; ``default_folder()`` where none is given.
        address: where the files are.
        keys: COCO ids; all 1,000 where none are given.
        progress: called with (files that came or failed, files in all).
        pause: waits that many seconds between tries.

    Raises:
        InputError: the address does not answer, files failed, or the folder cannot be written; what
            came is kept, and the next run goes on from there.
    """
    folder = to if to is not None else default_folder()
    keys = photograph_ids() if keys is None else keys
    address = check_address(address)
    missing = [key for key in keys if not _is_whole(folder / file_name(key))]
    if missing:
        check_folder(folder)
    there = len(keys) - len(missing)
    settled, failed = there, {}

    def one(key: str) -> None:
        _fetch(f"{address}/{file_name(key)}", folder / file_name(key), pause)

    queue = iter(missing)
    with ThreadPoolExecutor(WORKERS) as pool:
        # Only as many are handed out as are worked on, so that a stop is a stop.
        running = {pool.submit(one, key): key for key in islice(queue, WORKERS)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                key = running.pop(future)
                try:
                    future.result()
                    settled += 1
                except WebError as error:
                    if not error.answered:
                        raise InputError(
                            f"{address} does not answer ({error}); is there a network? "
                            f"{settled} of {len(keys)} photographs are in {folder}, the next run "
                            "goes on from there"
                        ) from error
                    failed[key] = str(error)
                if progress is not None:
                    progress(settled + len(failed), len(keys))
                running |= {pool.submit(one, key): key for key in islice(queue, 1)}
    if failed:
        key, reason = next(iter(failed.items()))
        raise InputError(
            f"{len(failed)} of {len(keys)} photographs did not come, the first {file_name(key)}: "
            f"{reason}; the others are in {folder}, run it again for the rest"
        )
    return Fetched(folder, len(missing), there)


def _is_whole(path: Path) -> bool:
    """Whether a file is there and decodes; one that does not is fetched again."""
    if not path.is_file():
        return False
    try:
        open_image(path)
    except InputError:
        return False
    return True


def _decodes(data: bytes) -> bool:
    try:
        decode_image(data)
    except InputError:
        return False
    return True


def _fetch(url: str, path: Path, pause: Callable[[float], None]) -> None:
    """Fetch one file under a temporary name and give it its own name when it is whole."""
    data = fetch(url, largest=LARGEST, accept=_decodes, pause=pause)
    with atomic_write(path) as scratch:
        scratch.write_bytes(data)
