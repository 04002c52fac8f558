"""UMAP of many vectors on the CPU: time, and how well neighbours are kept.

python -m tests.benchmarks maps

The vectors are made from those of the 750 photographs of coco-concepts: each is a mixture of a
photograph and one of its 20 nearest, with noise of length 0.4, all by the shipped features.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import glasskit
from glasskit.analysis import maps
from glasskit.models.vectors import nearest, unit
from tests.benchmarks.table import BenchRow

COUNTS = (5_000, 20_000)
NEIGHBOURS = 15
WIDTH = 384


def rows() -> list[BenchRow]:
    """All rows of this section."""
    maps.fit_umap(
        photographs(64), None, maps.NEIGHBOURS, 0, None
    )  # compiles, or loads what was compiled
    found = []
    for count in COUNTS:
        vectors = photographs(count)
        start = time.perf_counter()
        places = maps.fit_umap(vectors, None, maps.NEIGHBOURS, 0, None)
        taken = time.perf_counter() - start
        note = f"trustworthiness {trustworthiness(vectors, places):.4f}"
        found.append(BenchRow("maps", f"{count:,} vectors", (taken,), note=note))
    return found


def photographs(count: int, seed: int = 0) -> np.ndarray:
    """(count, 384) centred unit vectors that lie as those of photographs do."""
    file = Path(glasskit.__file__).parent / "data/coco/lite0_features.safetensors"
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
    for row in sample:
        similarity = vectors @ vectors[row]
        similarity[row] = np.inf
        rank = np.empty(count, dtype=np.int64)
        rank[np.argsort(-similarity)] = np.arange(count)
        apart = ((places - places[row]) ** 2).sum(axis=-1)
        apart[row] = np.inf
        penalty += np.maximum(rank[np.argpartition(apart, k)[:k]] - k, 0).sum()
    return float(1 - 2 * penalty / (len(sample) * k * (2 * count - 3 * k - 1)))
