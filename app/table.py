"""A visitor's table as colours of the map: a column that names the pictures, others that colour."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import picture_name
from glasskit.errors import InputError
from glasskit.io.text_files import DELIMITERS, look
from glasskit.plots.style import FAMILY_COLOURS, UNNAMED

MAX_LETTERS = 8_000_000
MAX_COLUMNS = 40
NAMING = ("id", "key", "image", "picture", "file", "filename", "file_name", "path")
"""What a column is called that names pictures."""

STEPS = 255
"""Of the scale of a column of numbers."""


def table_colourings(dataset: GroupedDataset, text: str) -> dict[str, dict[str, Any]]:
    """What the columns of a CSV colour, as ``map_data`` has it, by "table:" and the column's name.

    The rows belong to the pictures that one column names: of those with a name of ``NAMING`` (or of
    all) the one with the most ids or file names of the data set. Numbers become steps of a scale
    (``range`` says from where to where, -1 is none), texts the 11 commonest values and "other".

    Raises:
        InputError: it is no table, or no column names a picture.
    """
    if not isinstance(text, str) or len(text) > MAX_LETTERS:
        raise InputError(f"the table: send a text of at most {MAX_LETTERS:,} letters")
    text = text.lstrip("\ufeff")
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    try:
        table = pd.read_csv(io.StringIO(text), sep=delimiter, dtype=str)
    except (ValueError, pd.errors.ParserError):
        raise InputError("the table can't be read; send CSV with a line of column names") from None
    if table.empty or table.shape[1] > MAX_COLUMNS:
        raise InputError(f"the table: give rows, and 2 to {MAX_COLUMNS} columns")
    table.columns = [str(name).strip() for name in table.columns]
    rows, names = _rows_of(dataset, table)
    found = {}
    for name in table.columns:
        if name != names:
            own = pd.Series([table[name].iloc[row] if row >= 0 else None for row in rows])
            numbers = pd.to_numeric(own, errors="coerce")
            whole = numbers.notna().sum() == own.notna().sum() > 0
            found[f"table:{name}"] = _scale(name, numbers) if whole else _kinds(name, own)
    if not found:
        raise InputError(f"the table has no column but {names!r}, which names the pictures")
    return found


def _rows_of(dataset: GroupedDataset, table: pd.DataFrame) -> tuple[list[int], str]:
    """Of each picture the first row that names it, or -1; and the column that does."""
    own = [picture_name(record.key) for record in dataset.records]
    best: tuple[int, list[int], str] = (0, [], "")
    for name in [name for name in table.columns if look(name) in NAMING] or table.columns:
        places: dict[tuple[str, str] | str, int] = {}
        for row, value in enumerate(table[name].fillna("")):
            stem, ending = picture_name(value)
            places.setdefault(stem, row)
            places.setdefault((stem, ending), row)
        rows = [places.get(key, places.get(key[0], -1)) for key in own]
        count = len(rows) - rows.count(-1)
        if count > best[0]:
            best = count, rows, name
    if not best[0]:
        raise InputError(
            f"no column of the table names a picture of {dataset.name}; a column needs its ids or "
            f"file names, such as {dataset.records[0].key!r:.80}"
        )
    return best[1:]


def _scale(name: str, numbers: pd.Series) -> dict[str, Any]:
    low, high = numbers.min(), numbers.max()
    share = (numbers - low) / max(high - low, np.finfo(float).tiny)
    of = (STEPS * share).round().fillna(-1).astype(int).tolist()
    return {"name": name, "labels": [], "colours": [], "of": of, "range": f"{low:g} to {high:g}"}


def _kinds(name: str, own: pd.Series) -> dict[str, Any]:
    common = own.value_counts().index.tolist()
    kept = common if len(common) <= len(FAMILY_COLOURS) else common[: len(FAMILY_COLOURS) - 1]
    labels = [*kept, "other"] if len(kept) < len(common) else kept
    colours = [*FAMILY_COLOURS[: len(kept)], UNNAMED][: len(labels)]
    place = {value: min(i, len(kept)) for i, value in enumerate(common)}
    of = [place.get(value, -1) for value in own]
    return {"name": name, "labels": labels, "colours": colours, "of": of}
