"""Approximate search for more than a million vectors: an HNSW graph by usearch, beside them.

Exact search reads every vector for each question; the graph reads a few thousand, misses a
neighbour now and then, and takes minutes to build once. usearch comes with the extra ``search``.

HNSW: Malkov and Yashunin 2016, arXiv 1603.09320.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glasskit.analysis.library import Found, Library
from glasskit.analysis.stream_export import VECTORS
from glasskit.errors import InputError
from glasskit.io.places import atomic_write, check_file
from glasskit.models.vectors import Neighbours, unit

if TYPE_CHECKING:
    from usearch.index import Index

BLOCK = 4096
"""Vectors that are added between two reports of progress."""


class ApproximateLibrary(Library):
    """A library whose ``nearest`` may miss one of the nearest, and is fast at any size.

    The graph is built at first use, kept beside the vectors, and built again when they change.

    Args:
        folder: what ``glasskit embed --out`` was given.
        progress: called with (done, total) vectors while the graph is built; an exception raised
            in it stops the work, and nothing is kept.

    Raises:
        InputError: as ``Library``, usearch is not installed, or the folder can't be written.
    """

    def __init__(
        self, folder: str | Path, progress: Callable[[int, int], None] | None = None
    ) -> None:
        index_class = _usearch()
        super().__init__(folder)
        stat = (self.folder / VECTORS).stat()
        file = self.folder / f"pictures-{stat.st_size}-{stat.st_mtime_ns}.usearch"
        self._graph = _opened(index_class, file)
        if self._graph is None or len(self._graph) != len(self):
            check_file(file)
            self._graph = _built(index_class, self.vectors, file, progress)

    def nearest(self, query: np.ndarray, k: int = 12) -> list[Found]:
        """About the k pictures nearest to a (L,) vector, best first."""
        found = search(self._graph, query, min(k, len(self)))
        return self.named(found.index[0], found.score[0])


def search(graph: Index, query: np.ndarray, k: int) -> Neighbours:
    """About the k nearest of each of (q, L) vectors, as ``nearest`` gives them."""
    matches = graph.search(unit(np.atleast_2d(query)), k)
    keys, distances = (np.atleast_2d(part) for part in (matches.keys, matches.distances))
    return Neighbours(keys.astype(np.int64), (1 - distances).astype(np.float32))


def _usearch() -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise InputError(
            "approximate search needs usearch: pip install 'glasskit[search]', or search exactly"
        ) from error
    return Index


def _opened(index_class: Any, file: Path) -> Index | None:
    """The graph of a file, mapped; None where there is none or it is damaged."""
    if not file.is_file():
        return None
    try:
        return index_class.restore(str(file), view=True)
    except (ValueError, RuntimeError):
        return None


def _built(
    index_class: Any,
    vectors: np.ndarray,
    file: Path,
    progress: Callable[[int, int], None] | None,
) -> Index:
    graph = index_class(ndim=vectors.shape[1], metric="ip", dtype="f16")
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], dtype=np.float32)
        graph.add(np.arange(start, start + len(block)), block)
        if progress is not None:
            progress(start + len(block), len(vectors))
    with atomic_write(file) as scratch:
        try:
            graph.save(str(scratch))
        except RuntimeError as error:  # how usearch says what the system refused
            raise OSError(0, str(error)) from error
    for old in set(file.parent.glob("pictures-*.usearch")) - {file}:
        old.unlink()
    return graph
