"""The maps of a data set: those that come with the app, those in the cache, or made now.

The trained heads and the UMAP places of the built-in data sets lie in ``bundled/``, made by
``python -m tests.tools.build_app_data``. They are used only while data, training settings and map
settings are the very ones that they were made from; `settings_key` decides.
"""

from __future__ import annotations

import copy
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from glasskit.analysis import fitting, maps
from glasskit.analysis.store import content_key, read_arrays, write_arrays
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.io.places import cache_folder
from glasskit.io.terminal import bar
from glasskit.models import GlassModel
from glasskit.models.embedding import Embedding, embed
from glasskit.models.loading import trained_copy
from glasskit.training import TrainConfig, train
from glasskit.training.config import RUNTIME
from glasskit.training.validation import split_for_training
from glasskit_app.dataset_maps import MODEL, SIDES, DatasetMaps, Projection
from glasskit_app.ending import beside
from glasskit_app.thumbnails import Thumbnails

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""

BUNDLED = Path(__file__).parent / "bundled"
PLACES = "places.safetensors"
"""In a folder of ``bundled``: (n, 2) float32 before and after, and the settings key."""

VERSION = 2
"""Raise it when what is kept in the cache changes."""

MAP_SETTINGS = (maps.VERSION, maps.NEIGHBOURS, maps.MIN_DIST, fitting.REPULSION)

Arrays = dict[str, np.ndarray]


class CachePaths(NamedTuple):
    """Where small pictures of one data set are kept, and what one recipe made of it."""

    pictures: Path
    made: Path

    @property
    def maps(self) -> Path:
        """Vectors and places."""
        return self.made / "maps.npz"

    @property
    def run(self) -> Path:
        """The directory of the training run."""
        return self.made / "run"


def cache_paths(dataset: GroupedDataset, key: str) -> CachePaths:
    """The folders of a data set whose settings have this key."""
    missing = isinstance(dataset.images, MissingImages)
    prints = () if missing else tuple(dataset.fingerprint(i) for i in range(len(dataset)))
    folder = re.sub(r"[^\w-]+", "-", dataset.name)[:60] or "data"
    pictures = content_key(VERSION, prints)[:16]
    made = content_key(VERSION, key, prints)[:16]
    return CachePaths(
        cache_folder("app", folder, f"pictures-{pictures}"), cache_folder("app", folder, made)
    )


def training_settings(dataset: GroupedDataset, recipe: dict[str, object]) -> dict[str, Any]:
    """Every setting of TrainConfig that decides the weights, as this data set resolves it."""
    config = TrainConfig.load(model=MODEL, **recipe)
    part, _ = split_for_training(dataset, config)
    sizes = [len(members) for members in part.groups().values()]
    resolved = config.fitted(len(sizes), max(sizes)).as_dict()
    return {k: v for k, v in resolved.items() if k not in (*RUNTIME, "dataset")}


def settings_key(dataset: GroupedDataset, recipe: dict[str, object]) -> str:
    """A hash of the records, the concepts, the resolved training settings and the map settings."""
    records = tuple(tuple(asdict(record).items()) for record in dataset.records)
    settings = sorted(training_settings(dataset, recipe).items())
    return content_key(records, dataset.concepts, settings, MAP_SETTINGS)


def open_maps(
    dataset: GroupedDataset, start: GlassModel, recipe: dict[str, object] | None = None
) -> DatasetMaps:
    """The maps of a data set; what is neither bundled nor in the cache is made, with a bar.

    Args:
        dataset: what is shown.
        start: the untrained model; it stays as it is.
        recipe: fields of TrainConfig that differ from ``RECIPE``.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    recipe = RECIPE | (recipe or {})
    key = settings_key(dataset, recipe)
    paths = cache_paths(dataset, key)
    thumbnails = None
    if not isinstance(dataset.images, MissingImages):
        thumbnails = Thumbnails(paths.pictures)
    folder = BUNDLED / dataset.name
    places = bundled_places(folder, key) if dataset.features is not None else None
    if places is not None:
        arrays = vectors(dataset, start, trained_copy(start, folder)) | places
        return DatasetMaps(dataset, *projections(arrays), folder, thumbnails)
    arrays = read_arrays(paths.maps)
    if arrays is None:
        arrays = beside(lambda: make(dataset, start, recipe, paths.run))
        write_arrays(paths.maps, arrays)
    return DatasetMaps(dataset, *projections(arrays), paths.run, thumbnails)


def make(
    dataset: GroupedDataset, start: GlassModel, recipe: dict[str, object], out: Path
) -> Arrays:
    """Train into ``out``; the vectors and places before and after."""
    train_run(dataset, start, recipe, out)
    arrays = vectors(dataset, start, trained_copy(start, out))
    return arrays | fit_places(dataset.name, arrays)


def bundled_places(folder: Path, key: str) -> Arrays | None:
    """The bundled (n, 2) places before and after; None where they are of other settings."""
    file = folder / PLACES
    if not file.is_file():
        return None
    with safe_open(file, "np") as kept:
        if kept.metadata()["key"] != key:
            return None
        return {f"{side}_places": kept.get_tensor(side) for side in SIDES}


def write_bundled_places(folder: Path, key: str, places: Arrays) -> None:
    """What `bundled_places` reads."""
    arrays = {side: places[f"{side}_places"].astype(np.float32) for side in SIDES}
    save_file(arrays, folder / PLACES, metadata={"key": key})


def train_run(
    dataset: GroupedDataset, start: GlassModel, recipe: dict[str, object], out: Path
) -> None:
    """Train a copy of the model into ``out``, with a bar; a run that was cut off is begun anew."""
    shutil.rmtree(out, ignore_errors=True)
    config = TrainConfig.load(model=MODEL, out=str(out), tracker="none", **recipe)
    with bar(f"{dataset.name}: reading the pictures") as progress:
        train(config, dataset=dataset, model=copy.deepcopy(start), bar=True, progress=progress)


def vectors(dataset: GroupedDataset, start: GlassModel, trained: GlassModel) -> Arrays:
    """Vectors of pictures, captions and concepts before and after training."""
    arrays = {}
    for side, model in zip(SIDES, (start, trained), strict=True):
        seen = embed(model, dataset)
        arrays |= {f"{side}_{kind}": v for kind, v in vars(seen).items()}
    return arrays


def fit_places(name: str, arrays: Arrays) -> Arrays:
    """(n, 2) places of the pictures before and after, by UMAP, with a bar.

    The trained map starts from the untrained one and is turned to lie as near to it as it can, so
    that what moves between the two has moved in the model.
    """
    places: Arrays = {}
    first = None
    for side in SIDES:
        with bar(f"{name}: drawing the map {side} training") as progress:
            first = maps.project(arrays[f"{side}_picture"], start=first, progress=progress)
        places[f"{side}_places"] = first
    return places


def projections(arrays: Arrays) -> tuple[Projection, Projection]:
    """Both sides; words are placed among the pictures that are nearest to them."""
    found = []
    for side in SIDES:
        seen = Embedding(*(arrays[f"{side}_{kind}"] for kind in ("picture", "caption", "concept")))
        places = arrays[f"{side}_places"]
        captions = maps.place_words(seen.caption, seen.picture, places, k=4)
        concepts = maps.place_words(seen.concept, seen.picture, places)
        found.append(Projection(seen, places, captions, concepts))
    before, after = found
    return before, after
