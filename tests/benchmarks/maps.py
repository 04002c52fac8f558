"""Maps by landmarks against a whole UMAP: time, and how well neighbours are kept.

python -m tests.benchmarks maps

The vectors are made from those of the 750 photographs of coco-concepts: each is a mixture of a
photograph and one of its 20 nearest, with noise of length 0.4, all by the shipped features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import glasskit
from glasskit.analysis import fitting, maps
from glasskit.analysis.landmarks import landmark_fit
from glasskit.models.vectors import nearest, unit
from tests.benchmarks.table import VISITS, BenchRow, compared

SMALL, LARGE = 10_000, 100_000
NEIGHBOURS = 15
WIDTH = 384
ROUNDS = (1, 2)
"""Of each visit: a whole UMAP takes half a minute."""
SUBJECT = "whole UMAP"
SETTINGS = {"neighbours": NEIGHBOURS, "min_dist": maps.MIN_DIST, "seed": 0}


def visits() -> Iterator[list[BenchRow]]:
    """All rows of this section, a visit at a time; the map of 100,000 once."""
    fitting.warm()
    vectors, section = photographs(SMALL), f"maps, {SMALL:,} vectors"
    calls = {
        SUBJECT: lambda: fitting.fit(vectors, **SETTINGS),
        "1000 landmarks": lambda: landmark_fit(vectors, landmarks=1000, **SETTINGS),
    }
    for visit in range(VISITS):
        times: dict[str, list[float]] = {name: [] for name in calls}
        notes = dict.fromkeys(calls, "")
        for _ in range(ROUNDS[visit]):
            for name, call in calls.items():
                places, taken = _timed(call)
                times[name].append(taken)
                if not visit:
                    notes[name] = f"trustworthiness {trustworthiness(vectors, places):.4f}"
        rows = [replace(row, note=notes[row.name]) for row in compared(section, times, SUBJECT)]
        yield rows if visit else [*rows, _large()]


def _large() -> BenchRow:
    vectors = photographs(LARGE)
    places, taken = _timed(lambda: landmark_fit(vectors, **SETTINGS))
    note = f"trustworthiness {trustworthiness(vectors, places, rows=400):.4f} on 400 rows"
    return BenchRow(f"maps, {LARGE:,} vectors", "4000 landmarks", (taken,), note=note)


def _timed(call: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    places = call()
    return places, time.perf_counter() - start


def photographs(count: int, seed: int = 0) -> np.ndarray:
    """(count, 384) centred unit vectors that lie as those of photographs do."""
    file = Path(glasskit.__file__).parent / "data/coco_concepts/lite0_features.safetensors"
    seen = load_file(file)["features"].astype(np.float32)
    seen -= seen.mean(axis=0)
    axes = np.linalg.svd(seen, full_matrices=False)[2][:WIDTH]
    seen = unit(seen @ axes.T)
    near = nearest(seen, seen, 20).index
    draw = np.random.default_rng(seed)
    first = draw.integers(len(seen), size=count)
    second = near[first, draw.integers(near.shape[1], size=count)]
    share = draw.beta(0.6, 0.6, size=(count, 1)).astype(np.float32)
    noise = 0.02 * draw.standard_normal((count, WIDTH), dtype=np.float32)
    return maps.centred(share * seen[first] + (1 - share) * seen[second] + noise)


def trustworthiness(vectors: np.ndarray, places: np.ndarray, rows: int = 1000) -> float:
    """Whether neighbours on the map are neighbours in the full space: 1 if all are.

    T = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_j max(0, r(i, j) - k) over the k nearest j of i on the
    map, r the rank of j among the neighbours of i in the full space; as in scikit-learn, but over
    a sample of rows i. Venna and Kaski 2001.
    """
    count, k = len(vectors), NEIGHBOURS
    sample = np.random.default_rng(3).choice(count, min(rows, count), replace=False)
    penalty = 0
    for part in np.array_split(sample, max(1, len(sample) * count // 2**23)):
        own = np.arange(len(part))
        similarity = vectors[part] @ vectors.T
        similarity[own, part] = np.inf
        order = np.argsort(-similarity, axis=1)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(count)[None], axis=1)
        apart = ((places[part][:, None] - places[None]) ** 2).sum(axis=-1)
        apart[own, part] = np.inf
        close = np.argpartition(apart, k, axis=1)[:, :k]
        penalty += np.maximum(np.take_along_axis(rank, close, axis=1) - k, 0).sum()
    return float(1 - 2 * penalty / (len(sample) * k * (2 * count - 3 * k - 1)))
