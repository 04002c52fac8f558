"""What ``glasskit embed`` has written, opened for search.

The vectors stay on disk, mapped. The index is read once for its line ends, and of its lines only
those of the pictures that were found are parsed.
"""

from __future__ import annotations

import json
import mmap
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glasskit.analysis.mapped import nearest_mapped
from glasskit.analysis.probe import checked_text
from glasskit.analysis.stream_export import INDEX, VECTORS
from glasskit.errors import InputError
from glasskit.io.pictures import EXTENSIONS, open_image
from glasskit.models.reading import check_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glasskit.models import GlassModel

DTYPES = {"F32": "<f4", "F16": "<f2"}


class Found(NamedTuple):
    """A picture and the cosine similarity of the query to it."""

    name: str
    score: float


class Library:
    """Pictures that were embedded, to be searched by vectors of the same model.

    Args:
        folder: what ``glasskit embed --out`` was given.

    Attributes:
        vectors: (n, L) of length 1, mapped.
        model: name of the model that made them.

    Raises:
        InputError: the folder holds no vectors, or index and vectors do not belong together.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / VECTORS).is_file() or not (self.folder / INDEX).is_file():
            raise InputError(
                f"{folder}: no {VECTORS} with {INDEX} here; make them: "
                f"glasskit embed MODEL FOLDER --out {shlex.quote(str(folder))}"
            )
        self.vectors = mapped_tensor(self.folder / VECTORS, "pictures")
        self._index = _Index(self.folder / INDEX)
        self.model: str = self._index.head["model"]
        of = _header(self.folder / VECTORS)[0].get("__metadata__", {}).get("id")
        if of != self._index.head.get("id"):
            raise InputError(
                f"{folder}: {VECTORS} and {INDEX} are of two calls of embed, the last of which "
                "was interrupted; embed again"
            )
        if len(self._index) != len(self.vectors):
            raise InputError(
                f"{folder}: {len(self.vectors)} vectors and {len(self._index)} names; embed again"
            )

    def __len__(self) -> int:
        return len(self.vectors)

    def check(self, model: GlassModel) -> None:
        """Raise InputError where another model made the vectors."""
        head = self._index.head
        kept = {"tower_hash": model.tower_hash, "model_hash": model.model_hash}
        if any(head.get(name, value) != value for name, value in kept.items()):
            raise InputError(
                f"{self.folder}: made by {self.model!r} as it was then, not by {model.name!r} as "
                "it is now; name the model that made them with --model, or embed again"
            )

    def load_model(self, name: str | None = None) -> GlassModel:
        """The model that made the vectors, found by its name there or by the one given here.

        Raises:
            InputError: it can't be loaded, or is another one.
        """
        from glasskit.models import load_model

        try:
            model = load_model(name or self.model)
        except InputError as error:
            if name is not None:
                raise
            raise InputError(
                f"{self.folder}: the model that made these vectors is not here ({error}); if it "
                "was moved, say where with --model"
            ) from error
        self.check(model)
        return model

    def nearest(self, query: np.ndarray, k: int = 12) -> list[Found]:
        """The k pictures nearest to a (L,) vector, best first; the answer is exact."""
        found = nearest_mapped(query, self.vectors, k)
        return self.named(found.index[0], found.score[0])

    def named(self, rows: Sequence[int], scores: Sequence[float]) -> list[Found]:
        """Names for rows that were found."""
        entries = self._index.entries([int(row) for row in rows])
        return [
            Found(str(entry.get("file", entry.get("key"))), float(score))
            for entry, score in zip(entries, scores, strict=True)
        ]


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


def mapped_tensor(file: Path, name: str) -> np.ndarray:
    """(n, L) one tensor of a safetensors file, mapped.

    Raises:
        InputError: the file is damaged or has no such tensor.
    """
    try:
        header, begin = _header(file)
        tensor = header[name]
        start, end = (begin + place for place in tensor["data_offsets"])
        if end > file.stat().st_size:
            raise ValueError("cut off")
        kind, shape = DTYPES[tensor["dtype"]], tuple(tensor["shape"])
        if not shape[0]:
            return np.empty(shape, dtype=kind)
        # Copy on write: torch warns of arrays that can't be written.
        return np.memmap(file, dtype=kind, mode="c", offset=start, shape=shape)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file}: not a safetensors file with {name!r} ({error}); embed again"
        ) from error


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """What a safetensors file says of its tensors, and the byte at which they begin."""
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if length > file.stat().st_size:
            raise ValueError("cut off")
        return json.loads(handle.read(length)), 8 + length


class _Index:
    """The index of vectors: its head, and rows that are parsed when they are asked for.

    Each row stands on a line of its own, so that its place follows from line ends alone.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            with file.open("rb") as handle:
                first = handle.readline().rstrip()
                if not first.endswith(b"["):
                    raise ValueError("its rows do not stand on lines of their own")
                self.head = json.loads(first + b"]}")
                if "model" not in self.head:
                    raise ValueError("it names no model")
                with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    # Line ends of the head, of each row, and of what closes the list.
                    self._ends = np.flatnonzero(np.frombuffer(bytes(mapped), np.uint8) == 10)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: not an index of vectors ({error}); embed again") from error

    def __len__(self) -> int:
        return max(len(self._ends) - 2, 0)

    def entries(self, rows: list[int]) -> list[dict[str, Any]]:
        """What the index says about these rows."""
        found = []
        with self._file.open("rb") as handle:
            for row in rows:
                start, end = self._ends[row : row + 2]
                handle.seek(start + 1)
                found.append(json.loads(handle.read(end - start - 1).rstrip(b",")))
        return found
