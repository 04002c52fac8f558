"""Opening and searching a million vectors on disk, against a plain product in memory.

python -m tests.benchmarks search

Every process below is fresh. Its memory is the peak of what the system counts as resident in it,
mapped pages included, of which torch and numpy alone are a few hundred MiB.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from glasskit.latent.mapped import nearest_mapped
from glasskit.latent.neighbours import best, unit
from glasskit.models.store import DTYPES, FeatureStore
from tests.benchmarks.table import BenchRow, interleaved, median_ratio

COUNT, WIDTH, K = 1_000_000, 512, 12
BLOCK = 50_000
ROUNDS = 9


def run() -> list[BenchRow]:
    """All rows of this section."""
    section = f"search, {COUNT:,} x {WIDTH}, exact, one query"
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        rows = []
        for dtype in DTYPES:
            seen = _ask("opened", folder, dtype)
            rows.append(_row(section, f"open the store, {dtype}", [seen["open"]], seen["memory"]))
            rows.append(_row(section, f"search it, {dtype}", seen["search"], seen["memory"]))
        seen = _ask("turns", folder)
    limit = seen["numpy in memory"]
    section = f"{section}, in turns in one process"
    for name, times in seen.items():
        row = _row(section, name, times, None, median_ratio(times, limit))
        rows.append(row)
    return rows


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
    return {"open": opening, "search": times, "memory": _peak()}


def turns(folder: str) -> dict[str, list[float]]:
    """Search of both stores and of an array in memory, in turns; all must find the same."""
    banks = {dtype: FeatureStore(Path(folder), WIDTH, dtype).vectors() for dtype in DTYPES}
    memory = np.array(banks["float32"])
    query = unit(_queries()[0])

    def plain() -> np.ndarray:
        return best(memory @ query, K)

    for bank in banks.values():
        assert nearest_mapped(query, bank, K).index[0][:3].tolist() == plain()[:3].tolist()
    calls = {"numpy in memory": plain}
    for dtype, bank in banks.items():
        calls[f"mapped {dtype}"] = lambda bank=bank: nearest_mapped(query, bank, K)
    return interleaved(calls, ROUNDS)


def _queries() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(ROUNDS, WIDTH)).astype(np.float32)


def _peak() -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:", 1)[1].split()[0]) * 1024


def _ask(name: str, *arguments: str) -> dict[str, object]:
    code = (
        "import json, sys; from tests.benchmarks import search; "
        f"print(json.dumps(search.{name}(*sys.argv[1:])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _row(
    section: str, name: str, times: list[float], memory: int | None, ratio: float | None = None
) -> BenchRow:
    return BenchRow(
        section,
        name,
        seconds=statistics.median(times),
        spread=(min(times), max(times)),
        ratio=ratio,
        memory=memory,
        note=f"{len(times)} times, {torch.get_num_threads()} threads",
    )
