"""The map of 20,000 pictures, against umap-learn as it comes, which finds neighbours its own way.

python -m tests.benchmarks maps

The vectors are made from those of the 750 photographs of coco-concepts: each is a mixture of a
photograph and one of its 20 nearest, with noise of length 0.4, all by the shipped features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

import glasskit
from glasskit.analysis import maps
from glasskit.models.vectors import nearest, unit
from tests.benchmarks.table import BenchRow, rows_in_turns

COUNT, ROUNDS = 20_000, 2
WIDTH = 384


def rows() -> list[BenchRow]:
    """All rows of this section."""
    vectors = photographs(COUNT)
    calls = {
        "glasskit": lambda: maps.fit_umap(vectors, None, maps.NEIGHBOURS, 0, None),
        "umap-learn": lambda: alone(vectors),
    }
    return rows_in_turns(f"map of {COUNT:,} pictures", calls, ROUNDS, "glasskit")


def alone(vectors: np.ndarray) -> np.ndarray:
    """The same map by umap-learn alone."""
    fitting = maps.load_umap()(
        maps.NEIGHBOURS,
        min_dist=maps.MIN_DIST,
        repulsion_strength=maps.REPULSION,
        metric="cosine",
        random_state=0,
        n_jobs=1,
    )
    return fitting.fit_transform(vectors)


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
