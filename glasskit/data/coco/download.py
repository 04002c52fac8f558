"""Fetches 1,000 photographs from COCO's public address: the 750 of coco-concepts, and 250 more.

A file is put under its name only when it is whole and decodes, so a run that was stopped goes on
with what is missing. The data set finds the default folder by itself once its 750 are in it. The
250 others have no concept; their features ship too, in the same file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
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
    with safe_open(FEATURES, "pt") as tensors:
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
    failed: dict[str, str] = {}

    def one(key: str) -> None:
        url = f"{address}/{file_name(key)}"
        data = fetch(url, largest=LARGEST, accept=_decodes, pause=pause)
        with atomic_write(folder / file_name(key)) as scratch:
            scratch.write_bytes(data)

    with ThreadPoolExecutor(WORKERS) as pool:
        running = {pool.submit(one, key): key for key in missing}
        try:
            for number, future in enumerate(as_completed(running), start=there + 1):
                try:
                    future.result()
                except WebError as error:
                    if not error.answered:
                        raise InputError(
                            f"{address} does not answer ({error}); is there a network? "
                            f"{number - 1 - len(failed)} of {len(keys)} photographs are in "
                            f"{folder}, the next run goes on from there"
                        ) from error
                    failed[running[future]] = str(error)
                if progress is not None:
                    progress(number, len(keys))
        finally:
            pool.shutdown(cancel_futures=True)  # a stop is a stop
    if failed:
        key, reason = next(iter(failed.items()))
        raise InputError(
            f"{len(failed)} of {len(keys)} photographs did not come, the first {file_name(key)}: "
            f"{reason}; the others are in {folder}, run it again for the rest"
        )
    return Fetched(folder, len(missing), there)


def _is_whole(file: Path) -> bool:
    """Whether a file is there and a picture; one that is not is fetched again."""
    return file.is_file() and _decodes(file.read_bytes())


def _decodes(data: bytes) -> bool:
    try:
        decode_image(data)
    except InputError:
        return False
    return True
