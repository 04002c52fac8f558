"""The app with one made-up exhibit of many points: what it takes to show 100,000 of them.

python -m tests.benchmarks.many PORT [POINTS]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import uvicorn

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.latent.embedding import Embedding
from glasskit.latent.neighbours import unit
from glasskit_app.exhibit import Exhibit, View
from glasskit_app.main import open_rooms
from glasskit_app.progress import Progress
from glasskit_app.server import Entrance

NAME = "many"
CONCEPTS = 60
WIDTH = 16


def exhibit(points: int, seed: int = 0) -> Exhibit:
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

    views = []
    standing = centre.astype(np.float32)
    for spread in (0.22, 0.08):
        vectors = unit(middle[own] + 6 * spread * rng.normal(size=(points, WIDTH)))
        seen = Embedding(picture=vectors, caption=vectors, concept=unit(middle))
        views.append(View(seen, scattered(spread), scattered(1.2 * spread), standing))
    data = GroupedDataset(NAME, concepts, records, MissingImages(NAME), "made-up points")
    return Exhibit(data, *views, Path("none"), None)


class Words:
    """Stands in for the two models: a phrase becomes the vector of the concept that it names."""

    def __init__(self, shown: Exhibit) -> None:
        self.shown = shown

    def text_vectors(self, phrase: str) -> tuple[np.ndarray, np.ndarray]:
        place = self.shown.dataset.labels(1).index(phrase)
        return tuple(self.shown.view(side).embedding.concept[place] for side in ("before", "after"))


def serve(port: int, points: int) -> None:
    """Serve the exhibit until stopped."""
    shown, progress = exhibit(points), Progress()
    rooms = open_rooms([shown], "127.0.0.1", port)
    rooms.museum._comparisons[NAME] = Words(shown)
    entrance = Entrance(progress)

    async def run() -> None:
        await entrance.open(rooms)
        progress.finish()
        progress.warmed()  # its words need no model
        config = uvicorn.Config(entrance, "127.0.0.1", port, log_level="warning", lifespan="on")
        await uvicorn.Server(config).serve()

    asyncio.run(run())


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
