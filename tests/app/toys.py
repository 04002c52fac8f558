"""Data sets for the tests of the app: made-up vectors without a model, and painted pictures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from glasskit.analysis.probe import Probe
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages, MissingImages
from glasskit.data.schema import Concept, Record
from glasskit.models.embedding import Embedding
from glasskit.models.vectors import unit
from glasskit.plots.map_data import Projection
from glasskit_app.state import GLASS, MODEL, AppState, DatasetMaps, Seen

CONCEPTS = 60
WIDTH = 16


class Words(Probe):
    """A probe without a model: a phrase becomes the vector of the concept that it names, and names
    of other levels get vectors of the data set's concepts."""

    def __init__(self, name: str, data: GroupedDataset, seen: Embedding) -> None:
        none = SimpleNamespace(tower_hash=name)
        super().__init__(none, data, concepts=seen.concept, pictures=seen.picture)

    def text_vectors(self, phrases: list[str]) -> np.ndarray:
        names = self.dataset.labels(1)
        return self.concept_vectors[[names.index(phrase) for phrase in phrases]]

    def _embed_names(self, names: tuple[str, ...]) -> np.ndarray:
        return self.concept_vectors[: len(names)]

    def _check_names(self, names: tuple[str, ...]) -> None:
        pass


def shown(data: GroupedDataset, sides: list[Projection], kept: Path | None = None) -> DatasetMaps:
    """A data set by models that end at these projections."""
    models = [
        Seen(name, name, side, Words(name, data, side.embedding))
        for name, side in zip((MODEL, GLASS, "third"), sides, strict=False)
    ]
    return DatasetMaps(data, tuple(models), thumbnails=kept)


def made_up(points: int, seed: int = 0, models: int = 2) -> DatasetMaps:
    """Points in clusters, one a concept, which are tighter after than before; no pictures."""
    rng = np.random.default_rng(seed)
    concepts = tuple(
        Concept((f"concept {i}", f"kind {i // 3}", f"realm {i // 6}", f"world {i // 12}"))
        for i in range(CONCEPTS)
    )
    own = np.sort(rng.integers(0, CONCEPTS, points))
    splits = rng.choice(["train", "val", "test"], points, p=[0.7, 0.1, 0.2])
    records = tuple(
        Record(
            f"{i:012d}", (concepts[c].name,), (f"a made-up caption, number {i} of {c}",), split=s
        )
        for i, (c, s) in enumerate(zip(own, splits.tolist(), strict=True))
    )
    data = GroupedDataset("many", concepts, records, MissingImages("many"), "made-up points")
    centre, middle = rng.uniform(-0.9, 0.9, (CONCEPTS, 2)), rng.normal(size=(CONCEPTS, WIDTH))
    sides = []
    for spread in (0.22, 0.08, 0.3)[:models]:
        vectors = unit(middle[own] + 6 * spread * rng.normal(size=(points, WIDTH)))
        places = (centre[own] + spread * rng.normal(size=(points, 2))).astype(np.float32)
        seen = Embedding(picture=vectors, caption=vectors, concept=unit(middle))
        sides.append(Projection.of(data, seen, places))
    return shown(data, sides)


def painted(folder: Path, count: int, name: str = "painted") -> DatasetMaps:
    """Files of 640 x 480 pixels in coarse colours, in ``folder/pictures``."""
    (folder / "pictures").mkdir()
    draw = np.random.default_rng(0)
    records = []
    for i in range(count):
        colours = draw.integers(256, size=(3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(colours).resize((640, 480))
        picture.save(folder / "pictures" / f"p{i}.png", compress_level=0)
        records.append(Record(f"p{i}.png", ("joy",), (f"picture {i}",)))
    concepts = (Concept(("joy", "mood", "feeling", "mind")),)
    data = GroupedDataset(name, concepts, tuple(records), FolderImages(folder / "pictures"))
    vectors = unit(draw.normal(size=(count, WIDTH)))
    seen = Embedding(picture=vectors, caption=vectors, concept=vectors[:1])
    side = Projection.of(data, seen, vectors[:, :2])
    return shown(data, [side, side], folder / "kept")


def state_of(*maps: DatasetMaps) -> AppState:
    """The state of an app that shows these and never trains."""
    return AppState(maps, start=None)
