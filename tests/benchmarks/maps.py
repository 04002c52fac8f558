"""Maps by landmarks against a whole UMAP: time, and how well neighbours are kept.

python -m tests.benchmarks maps

The vectors are made from those of the 750 photographs of coco-concepts: each is a mixture of a
photograph and one of its 20 nearest, with noise of length 0.4, all by the shipped features.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import glasskit
from glasskit.latent import fitting, maps
from glasskit.latent.landmarks import landmark_fit
from glasskit.latent.neighbours import nearest, unit
from tests.benchmarks.table import BenchRow

SMALL, LARGE = 10_000, 100_000
NEIGHBOURS = 15
WIDTH = 384
SETTINGS = {"neighbours": NEIGHBOURS, "min_dist": maps.MIN_DIST, "seed": 0}


def run() -> list[BenchRow]:
    """All rows of this section. The ratio is time / time of the whole UMAP."""
    fitting.warm()
    rows, whole = [], 0.0
    vectors = photographs(SMALL)
    calls: dict[str, Callable[[], np.ndarray]] = {
        "whole UMAP": lambda: fitting.fit(vectors, **SETTINGS),
        **{
            f"{count} landmarks": lambda count=count: landmark_fit(
                vectors, landmarks=count, **SETTINGS
            )
            for count in (400, 1000)
        },
    }
    for name, call in calls.items():
        start = time.perf_counter()
        places = call()
        taken = time.perf_counter() - start
        whole = whole or taken
        note = f"trustworthiness {trustworthiness(vectors, places):.4f}"
        section = f"maps, {SMALL:,} vectors"
        rows.append(BenchRow(section, name, seconds=taken, ratio=taken / whole, note=note))
    many = photographs(LARGE)
    start = time.perf_counter()
    places = landmark_fit(many, **SETTINGS)
    taken = time.perf_counter() - start
    note = f"trustworthiness {trustworthiness(many, places, rows=400):.4f} on 400 rows"
    rows.append(BenchRow(f"maps, {LARGE:,} vectors", "4000 landmarks", seconds=taken, note=note))
    return rows


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
