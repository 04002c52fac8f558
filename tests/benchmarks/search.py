"""Opening and searching a million vectors on disk, against a plain product in memory.

python -m tests.benchmarks search

Every process below is fresh. Its memory is the peak of what the system counts as resident in it,
mapped pages included, of which torch and numpy alone are a few hundred MiB.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from glasskit.analysis.mapped import nearest_mapped
from glasskit.models.store import DTYPES, FeatureStore
from glasskit.models.vectors import top_k, unit
from tests.benchmarks.own_process import asked, peak_memory
from tests.benchmarks.table import VISITS, BenchRow, compared, in_turns

COUNT, WIDTH, K = 1_000_000, 512, 12
BLOCK = 50_000
ROUNDS = 5


def visits() -> Iterator[list[BenchRow]]:
    """All rows of this section, a visit at a time."""
    section = f"search, {COUNT:,} x {WIDTH}, exact, one query"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        for _ in range(VISITS):
            rows = []
            for dtype in DTYPES:
                seen = asked(__name__, "opened", folder, dtype)
                memory = seen.pop("memory")
                rows += [
                    BenchRow(section, f"{name}, {dtype}", tuple(times), memory=memory)
                    for name, times in seen.items()
                ]
            seen = asked(__name__, "turns", folder)
            yield rows + compared(f"{section}, in turns in one process", seen, "numpy in memory")


def fill(folder: Path) -> None:
    """Stores of both number types with the same vectors."""
    draw = np.random.default_rng(0)
    for start in range(0, COUNT, BLOCK):
        vectors = unit(draw.random((BLOCK, WIDTH), dtype=np.float32) - 0.5)
        keys = [f"picture {i}" for i in range(start, start + BLOCK)]
        for dtype in DTYPES:
            FeatureStore(folder, WIDTH, dtype).write(keys, torch.from_numpy(vectors))


def opened(folder: str, dtype: str) -> dict[str, object]:
    """Open a store and search it, in a process that does nothing else."""
    queries = _queries()
    start = time.perf_counter()
    store = FeatureStore(Path(folder), WIDTH, dtype)
    assert store.places(["picture 7", "absent"]).tolist() == [7, -1]
    bank = store.vectors()
    opening = time.perf_counter() - start
    times = []
    for query in queries:
        start = time.perf_counter()
        found = nearest_mapped(query, bank, K)
        assert store.sound(found.index[0]).all()
        times.append(time.perf_counter() - start)
    return {
        "open the store": [opening],
        "its first query": times[:1],
        "further queries": times[1:],
        "memory": peak_memory(),
    }


def turns(folder: str) -> dict[str, list[float]]:
    """Search of both stores and of an array in memory, in turns; all must find the same."""
    banks = {dtype: FeatureStore(Path(folder), WIDTH, dtype).vectors() for dtype in DTYPES}
    memory = np.array(banks["float32"])
    query = unit(_queries()[0])

    def plain() -> np.ndarray:
        return top_k(memory @ query, K)

    for bank in banks.values():
        assert nearest_mapped(query, bank, K).index[0][:3].tolist() == plain()[:3].tolist()
    calls = {"numpy in memory": plain}
    for dtype, bank in banks.items():
        calls[f"mapped {dtype}"] = lambda bank=bank: nearest_mapped(query, bank, K)
    return in_turns(calls, ROUNDS)


def _queries() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(ROUNDS, WIDTH)).astype(np.float32)
