"""Small copies of pictures: sheets for the map, and one larger file each when it is asked for.

Sheets are drawn before a visitor comes in, a row of pictures at a time, by processes beside the one
that answers. The larger ones are drawn when a page first shows them: most never are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from PIL import Image, ImageOps

from glasskit.data.grouped import GroupedDataset
from glasskit.places import keeping_in, replace_file

EDGE = 96
"""Pixels of a side in the sheet: sharp up to 48 px on a screen of double density."""

LARGE = 480
"""Longest side in pixels of the single pictures."""

COLUMNS = 32
EACH = COLUMNS * COLUMNS
"""Pictures in one sheet, of 3072 x 3072 pixels."""

MOST = 4 * EACH
"""Above this the map shows dots only and loads a picture when it is pointed at."""

DRAWERS = max(1, min(4, (os.cpu_count() or 1) // 2))
"""Processes that draw sheets; the other cores are for what goes on beside them."""


@dataclass(frozen=True)
class Thumbnails:
    """Where the small copies of one data set lie.

    Attributes:
        folder: holds ``sheet{s}.webp``, and ``{index}.webp`` of those that were shown.
        count: pictures.
    """

    folder: Path
    count: int

    @property
    def sheets(self) -> int:
        """How many sheets there are."""
        return -(-self.count // EACH) if self.count <= MOST else 0

    def complete(self) -> bool:
        """Whether every sheet has been drawn."""
        return (self.folder / "complete").is_file()

    def draw(
        self, dataset: GroupedDataset, report: Callable[[int, int], None], wanted: threading.Event
    ) -> None:
        """Draw the sheets; an interrupted drawing begins again.

        Args:
            dataset: whose pictures they are.
            report: called with (done, total) pictures.
            wanted: once it is cleared, nothing further is begun, and nothing is complete.

        Raises:
            InputError: a picture is missing or broken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = -(-self.count // COLUMNS) if self.sheets else 0
        per_sheet = EACH // COLUMNS
        # Processes: a thread would wait for Python's lock after every step of Pillow.
        with ProcessPoolExecutor(DRAWERS, get_context("spawn"), _open, (dataset,)) as pool:
            drawn = pool.map(_row, range(rows))
            for sheet in range(self.sheets):
                first, last = sheet * per_sheet, min((sheet + 1) * per_sheet, rows)
                whole = Image.new("RGB", (COLUMNS * EDGE, (last - first) * EDGE), "white")
                for row in range(first, last):
                    if not wanted.is_set():
                        pool.shutdown(cancel_futures=True)
                        return
                    whole.paste(next(drawn), (0, (row - first) * EDGE))
                    report(min((row + 1) * COLUMNS, self.count - 1), self.count)
                whole.save(self.folder / f"sheet{sheet}.webp", quality=84, method=2)
        (self.folder / "complete").touch()
        report(self.count, self.count)

    def single(self, dataset: GroupedDataset, index: int) -> Path:
        """The file of one picture, at most ``LARGE`` pixels a side, drawn where it is not there.

        Raises:
            InputError: the picture is missing or broken, or the cache folder can't be written.
        """
        file = self.folder / f"{index}.webp"
        if file.is_file():
            return file
        picture = dataset.image(index, LARGE).copy()
        picture.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)  # never made larger
        # Two visitors may ask at once, and a kill must not leave half a picture.
        scratch = file.with_name(f"{index}.{os.getpid()}.{threading.get_ident()}.tmp")
        with keeping_in(self.folder):
            picture.save(scratch, "webp", quality=86, method=2)
            replace_file(scratch, file)
        return file


_opened: list[GroupedDataset] = []  # in a process that draws: what it draws


def _open(dataset: GroupedDataset) -> None:
    _opened.append(dataset)


def _row(row: int) -> Image.Image:
    """A row of a sheet: pictures row * COLUMNS and on, cut to squares."""
    (dataset,) = _opened
    strip = Image.new("RGB", (COLUMNS * EDGE, EDGE), "white")
    first = row * COLUMNS
    for index in range(first, min(first + COLUMNS, len(dataset))):
        small = ImageOps.fit(dataset.image(index, EDGE), (EDGE, EDGE), Image.Resampling.LANCZOS)
        strip.paste(small, ((index - first) * EDGE, 0))
    return strip
