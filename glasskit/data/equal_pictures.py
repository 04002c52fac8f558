"""One photograph under two names in two splits: a leak that no name tells."""

from __future__ import annotations

import filecmp
import logging
from itertools import combinations
from pathlib import Path

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.io.pictures import PictureError, printable

log = logging.getLogger("glasskit")

TAIL = 4096
"""Bytes at the end of files of equal size that are compared before the whole files are."""


def warn_of_equal_pictures(dataset: GroupedDataset) -> None:
    """Log one line where files of two splits are equal byte by byte.

    Only files of equal size are opened, and of these only the ends unless they are equal. Pictures
    that are missing are passed over here.
    """
    if not isinstance(dataset.images, FolderImages):
        return
    sizes: dict[int, list[tuple[Path, str]]] = {}
    for record in dataset.records:
        try:
            path = dataset.images.path(record.key)
            sizes.setdefault(path.stat().st_size, []).append((path, record.split))
        except (OSError, PictureError):
            continue
    pairs: list[tuple[Path, Path]] = []
    for files in sizes.values():
        if len({split for _, split in files}) > 1:
            pairs += _equal(files)
    if pairs:
        one, other = (printable(path.name) for path in pairs[0])
        log.warning(
            "%s: %d pictures of one split are also in another, byte by byte, such as %s and %s; "
            "what is measured on them is not new to the model",
            dataset.name,
            len(pairs),
            one,
            other,
        )


def _equal(files: list[tuple[Path, str]]) -> list[tuple[Path, Path]]:
    """Pairs of equal files of two splits, one for each file that has such a twin before it."""
    tails: dict[bytes, list[tuple[Path, str]]] = {}
    for path, split in files:
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - TAIL))
                tails.setdefault(file.read(), []).append((path, split))
        except OSError:
            continue
    found: dict[Path, Path] = {}
    for alike in tails.values():
        for (path, split), (later, its_split) in combinations(alike, 2):
            if split != its_split and later not in found and _same(path, later):
                found[later] = path
    return [(path, later) for later, path in found.items()]


def _same(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:
        return False
