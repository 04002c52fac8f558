"""Small copies of a data set's pictures: one sheet for the map, one file each for the wall."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from glasskit.data.grouped import GroupedDataset

EDGE = 96
"""Pixels of a side in the sheet: sharp up to 48 px on a screen of double density."""

LARGE = 480
"""Longest side in pixels of the single pictures."""

COLUMNS = 32
EACH = COLUMNS * COLUMNS
"""Pictures in one sheet, of 3072 x 3072 pixels."""

MOST = 4 * EACH
"""Above this the map shows dots only and loads a picture when it is pointed at."""


@dataclass(frozen=True)
class Thumbnails:
    """Where the small copies of one data set lie.

    Attributes:
        folder: holds ``{index}.webp`` and ``sheet{s}.webp``.
        count: pictures.
    """

    folder: Path
    count: int

    @property
    def sheets(self) -> int:
        """How many sheets there are."""
        return -(-self.count // EACH) if self.count <= MOST else 0

    def complete(self) -> bool:
        """Whether they have all been drawn."""
        return (self.folder / "complete").is_file()

    def drawn(self) -> int:
        """How many single pictures are there."""
        return sum(1 for _ in self.folder.glob("[0-9]*.webp"))

    def draw(self, dataset: GroupedDataset) -> None:
        """Draw them all; an interrupted drawing begins again.

        Raises:
            InputError: a picture is missing or broken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet = Image.new("RGB", (COLUMNS * EDGE, COLUMNS * EDGE), "white")
        for index in range(self.count):
            picture = dataset.image(index)
            large = picture.copy()
            large.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)  # never made larger
            large.save(self.folder / f"{index}.webp", quality=86, method=2)
            place = index % EACH
            corner = (place % COLUMNS * EDGE, place // COLUMNS * EDGE)
            sheet.paste(ImageOps.fit(large, (EDGE, EDGE), Image.Resampling.LANCZOS), corner)
            if (place == EACH - 1 or index == self.count - 1) and self.sheets:
                rows = -(-(place + 1) // COLUMNS)
                part = sheet.crop((0, 0, COLUMNS * EDGE, rows * EDGE))
                part.save(self.folder / f"sheet{index // EACH}.webp", quality=84, method=2)
        (self.folder / "complete").touch()
