"""Searching a million vectors on disk, against a plain product in memory.

python -m tests.benchmarks search
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from glasskit.analysis.index import DTYPES, VECTORS, Blocks, VectorIndex, write_index
from glasskit.models.vectors import top_k, unit
from tests.benchmarks.own_process import asked
from tests.benchmarks.table import BenchRow, compared, in_turns

COUNT, WIDTH, K = 1_000_000, 512, 12
BLOCK = 50_000
ROUNDS = 7


def rows() -> list[BenchRow]:
    """All rows of this section."""
    section = f"search, {COUNT:,} x {WIDTH}, exact, one query"
    with tempfile.TemporaryDirectory() as folder:
        for dtype in DTYPES:
            fill(Path(folder, dtype), dtype)
        seen = asked(__name__, "turns", folder)
    return compared(section, seen, "numpy in memory")


def fill(folder: Path, dtype: str) -> None:
    """An index of random vectors, the same in both number types."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    blocks = (
        unit(draw.random((BLOCK, WIDTH), dtype=np.float32) - 0.5) for _ in range(COUNT // BLOCK)
    )
    items = ({"id": f"picture {i}"} for i in range(COUNT))
    write_index(folder, {VECTORS: Blocks((COUNT, WIDTH), blocks)}, items, {}, dtype)


def turns(folder: str) -> dict[str, list[float]]:
    """Search by name in both indexes and in an array in memory, in turns."""
    found = {dtype: VectorIndex(Path(folder, dtype)) for dtype in DTYPES}
    memory = np.array(found["float32"].vectors)
    query = unit(np.random.default_rng(1).normal(size=WIDTH))

    def plain() -> np.ndarray:
        return top_k(memory @ query, K)

    for index in found.values():
        names = [hit.name for hit in index.nearest(query, K)][:3]
        assert names == [f"picture {row}" for row in plain()[:3]]
    calls = {"numpy in memory": plain}
    for dtype, index in found.items():
        calls[f"mapped {dtype}, with names"] = lambda index=index: index.nearest(query, K)
    return in_turns(calls, ROUNDS)
