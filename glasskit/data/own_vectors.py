"""Vectors that somebody else's model made, with their captions, as a data set to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError, need

ENDINGS = (".npy", ".parquet")

Column = Sequence[Any] | str | None
"""One value a vector, or the name of a column of the Parquet file."""


def read_vectors(
    source: str | Path | np.ndarray,
    *,
    captions: Column = None,
    labels: Column = None,
    files: Column = None,
    images: str | Path | None = None,
) -> tuple[GroupedDataset, np.ndarray]:
    """A data set of vectors of one's own, and the (n, L) vectors as they are.

    Args:
        source: the vectors, a ``.npy`` file of them, or a ``.parquet`` file with a column of lists.
        captions: n texts; of a Parquet file the column ``caption``, and else the numbers of rows.
        labels: n texts, or lists of texts where a picture has several, or None where it has none;
            of a Parquet file the column ``label`` where it has one.
        files: n names of picture files in ``images``; of a Parquet file the column ``file`` where
            it has one.
        images: the folder of the pictures.

    Raises:
        InputError: the file can't be read, has no such column or no column of vectors, or there
            are not as many texts as vectors.
    """
    where, table = "vectors", None
    if isinstance(source, np.ndarray):
        vectors = source
    else:
        where = str(source)
        if Path(source).suffix.lower() == ".parquet":
            table = _read_parquet(Path(source))
            vectors = _vector_column(table, where)
        else:
            vectors = _read_npy(Path(source))
    if vectors.ndim != 2 or 0 in vectors.shape or vectors.dtype.kind not in "fiu":
        raise InputError(
            f"{where}: {vectors.shape} {vectors.dtype} is not one vector of numbers a picture"
        )
    given = {"caption": captions, "label": labels, "file": files}
    columns = {
        name: _column(table, name, column, len(vectors), where) for name, column in given.items()
    }
    keys = columns["file"] or range(len(vectors))
    texts = columns["caption"] or keys
    own = [_labels(value) for value in columns["label"] or [None] * len(vectors)]
    records = tuple(
        Record(str(key), label, (str(text),))
        for key, label, text in zip(keys, own, texts, strict=True)
    )
    if len({record.key for record in records}) < len(records):
        raise InputError(f"{where}: a file stands for several vectors; name each picture once")
    names = sorted({name for label in own for name in label})
    concepts = tuple(Concept((name, None, None, None)) for name in names)
    pictures = (
        FolderImages(images)
        if images is not None and columns["file"]
        else MissingImages("give files and the folder of the pictures, images")
    )
    name = "vectors" if isinstance(source, np.ndarray) else Path(source).stem
    return GroupedDataset(name, concepts, records, pictures), vectors


def _read_npy(file: Path) -> np.ndarray:
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: not a .npy file of vectors ({error})") from error
    if not isinstance(found, np.ndarray):
        raise InputError(f"{file}: holds several arrays; save the vectors alone with numpy.save")
    return found


def _read_parquet(file: Path) -> Any:
    """The table, a ``pandas.DataFrame``."""
    parquet = need("pyarrow.parquet", "notebooks")
    try:
        return parquet.read_table(file).to_pandas()
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these classes
        raise InputError(f"{file}: not a Parquet file that can be read ({error})") from error


def _vector_column(table: Any, where: str) -> np.ndarray:
    found = [
        name
        for name in table
        if len(table)
        and isinstance(table[name].iloc[0], np.ndarray)
        and table[name].iloc[0].dtype.kind == "f"
    ]
    if len(found) > 1:
        found = [name for name in found if name == "vector"]
    if len(found) != 1:
        raise InputError(
            f"{where}: needs one column of lists of numbers, or one of them named vector; it has "
            f"{', '.join(map(str, table))}"
        )
    try:
        return np.stack(table[found[0]].to_list())
    except ValueError as error:
        raise InputError(f"{where}: column {found[0]}: the vectors differ in length") from error


def _column(table: Any, name: str, given: Column, count: int, where: str) -> list[Any] | None:
    """What is given for each vector, or the column of the table; None where there is neither."""
    if isinstance(given, str):
        if table is None:
            raise InputError(f"{name}s={given!r}: only a Parquet file has columns; give a list")
        if given not in table:
            raise InputError(f"{where}: no column {given!r}; it has {', '.join(map(str, table))}")
        return table[given].to_list()
    if given is None:
        return table[name].to_list() if table is not None and name in table else None
    if len(given) != count:
        raise InputError(f"{where}: {len(given)} {name}s for {count} vectors; give one for each")
    return list(given)


def _labels(value: Any) -> tuple[str, ...]:
    """The labels of one picture: a text, several, or none (None, or NaN of a table)."""
    if isinstance(value, str):
        return (value,)
    if value is None or isinstance(value, float):
        return ()
    return tuple(str(one) for one in value)
