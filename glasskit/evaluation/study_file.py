"""What `glasskit study DATASET --unseen --json FILE` wrote, read again for a report."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from glasskit.errors import InputError
from glasskit.evaluation.comparison import ALPHA, BETTER, SAME, WORSE, Cell
from glasskit.evaluation.intervals import Difference
from glasskit.evaluation.study import recipe_title
from glasskit.io.json_files import read_json

UNTRAINED = "untrained"


class _Gain(BaseModel):
    difference: float
    low: float | None
    high: float | None
    p: float
    p_holm: float = 1.0

    @property
    def cell(self) -> Cell:
        """The difference with its interval."""
        ends = [end for end in (self.low, self.high) if end is not None]
        return Cell(self.difference, ends or None)


class _Value(BaseModel):
    share: float
    ci95: list[float] | None
    gain: _Gain
    against: dict[str, _Gain]


class StudySection(BaseModel):
    """One reading of a study (never grouped, never shown, transfer).

    Args:
        title, note: what was asked, in words.
        recipes: values by recipe and measure; "untrained" is one of them.
    """

    title: str
    note: str
    recipes: dict[str, dict[str, _Value]]

    @property
    def measures(self) -> list[str]:
        """Columns of its table."""
        return list(self.recipes[UNTRAINED])

    @property
    def about(self) -> dict[str, str]:
        """What a measure says, as the note lists it."""
        lines = [line[2:] for line in self.note.splitlines() if line.startswith("- ")]
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    @property
    def sentences(self) -> list[str]:
        """The note without that list."""
        return [s for s in self.note.splitlines() if s and not s.startswith("- ")]

    @property
    def cells(self) -> dict[str, dict[str, Cell]]:
        """Shares by recipe, as it is shown, and measure; each against the untrained model."""
        return {
            recipe_title(name): {
                measure: _cell(value, trained=name != UNTRAINED)
                for measure, value in values.items()
            }
            for name, values in self.recipes.items()
        }

    @property
    def gains(self) -> dict[str, list[Cell]]:
        """Gains over the untrained model and their intervals, by trained recipe, as it is shown."""
        return {
            recipe_title(name): [value.gain.cell for value in values.values()]
            for name, values in self.recipes.items()
            if name != UNTRAINED
        }


def read_study(path: Path) -> list[StudySection]:
    """The readings of a study.

    Raises:
        InputError: the file is missing, is no JSON, or is of something else.
    """
    content = read_json(path)
    try:
        sections = TypeAdapter(dict[str, StudySection]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(
            f"{path}: not what `glasskit study DATASET --unseen --json FILE` writes "
            f"({where}: {first['msg']})"
        ) from error
    for reading, section in sections.items():
        base = section.recipes.get(UNTRAINED, {})
        odd = [name for name, values in section.recipes.items() if values.keys() != base.keys()]
        if odd or not base:
            which = f"{odd[0]!r} has other measures" if base else "it has no untrained model"
            raise InputError(f"{path}: {reading}: {which}")
    return list(sections.values())


def _cell(value: _Value, trained: bool) -> Cell:
    """Its share, and its gain over the untrained model as that was tested."""
    if not trained:
        return Cell(value.share, value.ci95)
    gain, p = value.gain, value.against[UNTRAINED].p_holm if UNTRAINED in value.against else 1.0
    mark = SAME if p >= ALPHA else BETTER if gain.difference > 0 else WORSE
    change = Difference(gain.difference, gain.low, gain.high, gain.p)
    return Cell(value.share, value.ci95, change, p, mark)
