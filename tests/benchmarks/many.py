"""The app with one made-up data set of many points: what it takes to show 100,000 of them.

python -m tests.benchmarks.many PORT [POINTS]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import uvicorn

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import unit
from glasskit_app.dataset_maps import DatasetMaps, Projection
from glasskit_app.server import create_app
from glasskit_app.state import AppState

NAME = "many"
CONCEPTS = 60
WIDTH = 16


def made_up(points: int, seed: int = 0) -> DatasetMaps:
    """Points in clusters, one a concept, which are tighter after than before; no pictures."""
    rng = np.random.default_rng(seed)
    concepts = tuple(
        Concept((f"concept {i}", f"kind {i // 3}", f"realm {i // 6}", f"world {i // 12}"))
        for i in range(CONCEPTS)
    )
    own = np.sort(rng.integers(0, CONCEPTS, points))
    splits = rng.choice(["train", "val", "test"], points, p=[0.7, 0.1, 0.2])
    records = tuple(
        Record(f"{i:012d}", concepts[c].name, (f"a made-up caption, number {i} of {c}",), split=s)
        for i, (c, s) in enumerate(zip(own, splits.tolist(), strict=True))
    )
    centre, middle = rng.uniform(-0.9, 0.9, (CONCEPTS, 2)), rng.normal(size=(CONCEPTS, WIDTH))

    def scattered(spread: float) -> np.ndarray:
        return (centre[own] + spread * rng.normal(size=(points, 2))).astype(np.float32)

    sides = []
    standing = centre.astype(np.float32)
    for spread in (0.22, 0.08):
        vectors = unit(middle[own] + 6 * spread * rng.normal(size=(points, WIDTH)))
        seen = Embedding(picture=vectors, caption=vectors, concept=unit(middle))
        sides.append(Projection(seen, scattered(spread), scattered(1.2 * spread), standing))
    data = GroupedDataset(NAME, concepts, records, MissingImages(NAME), "made-up points")
    return DatasetMaps(data, *sides, Path("none"), None)


class Words:
    """Stands in for the two models: a phrase becomes the vector of the concept that it names."""

    def __init__(self, shown: DatasetMaps) -> None:
        self.shown = shown

    def text_vectors(self, phrase: str) -> tuple[np.ndarray, np.ndarray]:
        place = self.shown.dataset.labels(1).index(phrase)
        before, after = self.shown.before, self.shown.after
        return before.embedding.concept[place], after.embedding.concept[place]


def serve(port: int, points: int) -> None:
    """Serve the made-up data set until stopped."""
    shown = made_up(points)
    state = AppState([shown])
    state._comparisons[NAME] = Words(shown)
    config = uvicorn.Config(
        create_app(state, "127.0.0.1", port),
        "127.0.0.1",
        port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
