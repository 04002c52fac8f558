"""Vector files: the one format of vectors that leave the kit, and search among them.

A folder holds ``vectors.npy`` (n, L), where there are texts ``captions.npy`` (n, L) and
``concepts.npy`` (c, L), ``items.jsonl`` with a line for each row, and ``meta.json``: which model
made them from what. ``np.load(folder / "vectors.npy", mmap_mode="r")`` reads the vectors anywhere.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from glasskit.analysis.probe import checked_text
from glasskit.errors import InputError
from glasskit.io.json_files import read_json, write_json
from glasskit.io.pictures import EXTENSIONS, open_image
from glasskit.io.places import atomic_folder
from glasskit.models import load_model
from glasskit.models.reading import check_query
from glasskit.models.vectors import top_k, unit

if TYPE_CHECKING:
    from glasskit.models import GlassModel

VECTORS, CAPTIONS, CONCEPTS = "vectors.npy", "captions.npy", "concepts.npy"
ITEMS, META = "items.jsonl", "meta.json"
BROKEN = "broken.txt"
"""Pictures of a folder that were left out, a line each."""

DTYPES = ("float32", "float16")

ROWS_AT_A_TIME = 64
"""Vectors that are read by one product. Torch shares the conversion from float16 among threads from
32,768 numbers on, which costs more than it saves: 64 vectors of 512 stay with one thread."""


class Hit(NamedTuple):
    """A picture and the cosine similarity of the query to it."""

    name: str
    score: float


class Blocks(NamedTuple):
    """Rows of a file that come block by block, for there may be more than memory holds.

    Attributes:
        shape: (n, L) of all.
        blocks: (b, L) or (L,) each.
    """

    shape: tuple[int, int]
    blocks: Iterable[np.ndarray]


def write_index(
    folder: Path,
    arrays: dict[str, Blocks],
    items: Iterable[dict[str, Any]],
    meta: dict[str, Any],
    dtype: str,
) -> None:
    """Write vectors with their items; what an earlier call left in the folder is replaced.

    ``meta.json`` is taken away first and written last: without it nothing else counts, so that a
    kill never leaves new vectors beside old names.

    Raises:
        InputError: the folder can't be written; what was there stays as it was.
    """
    with atomic_folder(folder) as scratch:
        for name, rows in arrays.items():
            with (scratch / name).open("wb") as file:
                header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": rows.shape}
                np.lib.format.write_array_header_1_0(file, header)
                for block in rows.blocks:
                    file.write(np.ascontiguousarray(block, dtype=dtype).tobytes())
        with (scratch / ITEMS).open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        for old in {META, CAPTIONS, CONCEPTS, BROKEN} - arrays.keys():
            (folder / old).unlink(missing_ok=True)
    count, width = arrays[VECTORS].shape
    meta = {"pictures": count, "width": width, "dtype": dtype, **meta}
    write_json(folder / META, meta)


class VectorIndex:
    """Pictures that were embedded, to be searched by vectors of the same model.

    Args:
        folder: what ``glasskit embed --out`` was given.

    Attributes:
        vectors: (n, L) of length 1, mapped: they stay on disk.
        meta: what ``meta.json`` says.

    Raises:
        InputError: the folder holds no vectors, or they are damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        again = f"glasskit embed MODEL FOLDER --out {shlex.quote(str(folder))}"
        if not (self.folder / META).is_file():
            raise InputError(f"{folder}: no {VECTORS} with {META} here; make them: {again}")
        self.meta: dict[str, Any] = read_json(self.folder / META)
        try:
            self.vectors = np.load(self.folder / VECTORS, mmap_mode="c", allow_pickle=False)
            shape = (self.meta["pictures"], self.meta["width"])
            if self.vectors.shape != shape:
                raise ValueError(f"it is {self.vectors.shape} and not {shape}")
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.folder / VECTORS}: not the vectors of {META} ({error}); run again: {again}"
            ) from error

    def __len__(self) -> int:
        return len(self.vectors)

    def load_model(self, name: str | None = None) -> GlassModel:
        """The model that made the vectors, found by its name there or by the one given here.

        Raises:
            InputError: it can't be loaded, or is another one.
        """
        try:
            model = load_model(name or self.meta["model"])
        except InputError as error:
            if name is not None:
                raise
            raise InputError(
                f"{self.folder}: the model that made these vectors is not here ({error}); if it "
                "was moved, say where with --model"
            ) from error
        self.check(model)
        return model

    def check(self, model: GlassModel) -> None:
        """Raise InputError where another model made the vectors."""
        if self.meta.get("model_hash") != model.model_hash:
            raise InputError(
                f"{self.folder}: made by {self.meta.get('model')!r} as it was then, not by "
                f"{model.name!r} as it is now; name the model that made them with --model, or "
                "embed again"
            )

    def nearest(self, query: np.ndarray, k: int = 12) -> list[Hit]:
        """The k pictures nearest to a (L,) vector, best first, of equals the earlier; exact.

        Raises:
            InputError: a vector holds NaN or infinity, or the names are fewer than the vectors.
        """
        scores = similarities(query, self.vectors)
        if not np.isfinite(scores).all():
            row = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise InputError(
                f"{self.folder}: the vector of {self.names([row])[0]} (row {row}) holds NaN or "
                "infinity; embed again"
            )
        rows = [int(row) for row in top_k(scores, k)]
        return [
            Hit(name, float(scores[row])) for name, row in zip(self.names(rows), rows, strict=True)
        ]

    def names(self, rows: Sequence[int]) -> list[str]:
        """The files, or else the ids, of these rows; the lines of others are passed over."""
        found, line = {}, 0
        with (self.folder / ITEMS).open("rb") as file:
            for row in sorted(rows):
                text = next(islice(file, row - line, None), None)
                if text is None:
                    raise InputError(f"{self.folder / ITEMS}: no line for row {row}; embed again")
                item, line = json.loads(text), row + 1
                found[row] = str(item.get("file") or item["id"])
        return [found[row] for row in rows]


def similarities(query: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """(n,) float32 cosines of a (L,) vector of any length and (n, L) vectors of length 1.

    The bank is read once from begin to end, in float32 a block at a time, so that it may be a
    mapped file of float16 that is larger than memory.
    """
    asked = torch.from_numpy(unit(query))
    scores = np.empty(len(bank), dtype=np.float32)
    for start in range(0, len(bank), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        block = torch.from_numpy(np.asarray(bank[rows])).float()
        scores[rows] = torch.mv(block, asked).numpy()
    return scores


def query_vector(model: GlassModel, query: str | Path) -> np.ndarray:
    """(L,) vector of a phrase, or of a picture.

    Args:
        model: that made the vectors which are searched.
        query: a ``Path`` is a picture file. So is a text that ends as such a file's name does and
            is a file's name or a single word; any other text is a phrase.

    Raises:
        InputError: the phrase is empty, too long, or has no word that the model knows, or the
            picture is missing or broken.
    """
    if isinstance(query, Path) or _names_picture(query):
        return np.asarray(model.encode_images([open_image(query)]))[0]
    phrase = checked_text(query)
    check_query(model, phrase)
    return np.asarray(model.encode_texts([phrase]))[0]


def _names_picture(query: str) -> bool:
    if not query.lower().endswith(EXTENSIONS):
        return False
    try:
        return Path(query).is_file() or " " not in query
    except OSError:  # longer than a name can be
        return False
