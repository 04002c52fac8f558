"""A local leader board: rows of the kit beside rows that the reader adds.

    board = Board("concepts of coco-ideas", "acceptable top-1")
    board.kit("grouped", 0.51, (0.43, 0.60))   # numbers that the notebook computed
    board.add("my recipe", 0.53, (0.44, 0.61))  # kept in a file of the reader's folder
    board

The kit's rows are made anew each time; those of the reader stay.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from glasskit.errors import InputError
from glasskit.io.places import write_text
from glasskit.io.text_files import checked, read_table

FILE = "leader-board.csv"
"""In the folder that the notebook runs in, for all studies."""

COLUMNS = ("study", "measure", "name", "value", "low", "high")
NOTE = "Rows whose intervals overlap may be equal: a paired test can tell, the order cannot."


@dataclass(frozen=True)
class Row:
    """A result.

    Args:
        name: of the recipe.
        value: from 0 to 1.
        low, high: its 95% interval.
        own: whether the reader added it.
    """

    name: str
    value: float
    low: float
    high: float
    own: bool

    def cells(self) -> tuple[str, str, str, str]:
        """Name, percent, interval, and whose row it is."""
        ends = f"{100 * self.low:.1f} to {100 * self.high:.1f}"
        return self.name, f"{100 * self.value:.1f}%", ends, "yours" if self.own else "kit"


class Board:
    """The rows of one study, best first; a notebook shows them as a table.

    Args:
        study: its name; rows of other studies in the file are left alone.
        measure: what the values are.
        file: where the reader's rows are kept.

    Raises:
        InputError: the file is there and is no table with the columns of a board.
    """

    def __init__(self, study: str, measure: str, file: str | Path = FILE) -> None:
        self.study, self.measure, self.file = study, measure, Path(file)
        self._kit: dict[str, Row] = {}
        self._read()

    def kit(self, name: str, value: float, interval: Sequence[float] | None) -> None:
        """A row of the kit; one of the same name is replaced. Arguments as in ``add``."""
        self._kit[name] = _row(name, value, interval, own=False)

    def add(self, name: str, value: float, interval: Sequence[float] | None) -> None:
        """A row of the reader's, written to the file; one of the same name is replaced.

        Args:
            name: of the recipe.
            value: from 0 to 1.
            interval: low and high of its 95% interval; None: there is none.

        Raises:
            InputError: the value is not between the ends or outside of 0 to 1, or the file cannot
                be written.
        """
        new = _row(name, value, interval, own=True)
        rows = [(key, row) for key, row in self._read() if (key, row.name) != (self._key, new.name)]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for (study, measure), row in [*rows, (self._key, new)]:
            table.writerow((study, measure, row.name, row.value, row.low, row.high))
        write_text(self.file, text.getvalue())

    @property
    def rows(self) -> list[Row]:
        """The kit's rows and the reader's, best first."""
        own = [row for key, row in self._read() if key == self._key]
        return sorted([*self._kit.values(), *own], key=lambda row: -row.value)

    @property
    def _key(self) -> tuple[str, str]:
        return self.study, self.measure

    def _read(self) -> list[tuple[tuple[str, str], Row]]:
        """(study and measure, row) of every row of the reader's."""
        if not self.file.exists():
            return []
        found = []
        for line, fields in read_table(self.file, COLUMNS):
            try:
                value, low, high = (float(fields[name]) for name in COLUMNS[3:])
                row = _row(fields["name"], value, (low, high), own=True)
            except (ValueError, InputError) as error:
                raise InputError(f"{self.file}: line {line}: {error}") from error
            found.append(((fields["study"], fields["measure"]), row))
        return found

    def __repr__(self) -> str:
        lines = [row.cells() for row in self.rows]
        wide = max([len(name) for name, *_ in lines], default=0)
        body = [f"{n:<{wide}}  {v:>6}  ({ends})  {who}" for n, v, ends, who in lines]
        return "\n".join([f"{self.study}: {self.measure}, 95% interval", *body, NOTE])

    def _repr_html_(self) -> str:
        names = ("", escape(self.measure), "95% interval", "")
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(text, row.own)}</td>" for text in row.cells()) + "</tr>"
            for row in self.rows
        )
        return (
            f"<div><b>{escape(self.study)}</b><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><div>{NOTE}</div></div>"
        )


def _row(name: str, value: float, interval: Sequence[float] | None, *, own: bool) -> Row:
    low, high = (value, value) if interval is None else interval
    if not 0 <= low <= value <= high <= 1:
        raise InputError(
            f"{name!r}: {value} with the interval {low} to {high}: give numbers from 0 to 1, "
            "the value between the ends"
        )
    name = checked(name, "the name").strip()
    if not name:
        raise InputError("the name of the row is empty")
    return Row(name, float(value), float(low), float(high), own)


def _cell(text: str, own: bool) -> str:
    return f"<b>{escape(text)}</b>" if own else escape(text)
