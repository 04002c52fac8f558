"""The maps of a data set: those that come with the app, those in the cache, or made now.

Of the coco sets the trained model is `lite0-glass`. The UMAP places of the built-in data sets and
the head of scenes lie in ``bundled/``, made by ``python -m tests.tools.build_app_data``. They are
used only while data, training settings and map settings are the very ones that they were made from;
`settings_key` decides. Of other data sets the trained run is kept in the cache folder, beside
features and places, which the kit keeps itself.
"""

from __future__ import annotations

import copy
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from glasskit.analysis import maps
from glasskit.analysis.probe import Comparison, Probe
from glasskit.analysis.store import content_key
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.io.places import cache_folder, keeping_in
from glasskit.io.terminal import bar
from glasskit.models import GlassModel
from glasskit.models.embedding import Embedding, embed
from glasskit.models.lite0 import TRAINED_RUN
from glasskit.models.loading import read_config, trained_copy
from glasskit.plots.map_data import SIDES, Projection, check_size
from glasskit.training import TrainConfig, train
from glasskit.training.config import RUNTIME
from glasskit.training.validation import split_for_training
from glasskit_app.state import MODEL, DatasetMaps
from glasskit_app.thumbnails import Thumbnails

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""

BUNDLED = Path(__file__).parent / "bundled"
GLASS = ("coco-ideas", "coco-concepts")
"""Data sets whose train pictures made `lite0-glass`."""

PLACES = "places.safetensors"
"""In a folder of ``bundled``: (n, 2) float32 before and after, and the settings key."""

VERSION = 3
"""Raise it when what is kept in the cache changes."""

MAP_SETTINGS = (maps.VERSION, maps.NEIGHBOURS, maps.MIN_DIST, maps.REPULSION)


def training_settings(dataset: GroupedDataset, recipe: dict[str, object]) -> dict[str, Any]:
    """Every setting of TrainConfig that decides the weights, as this data set resolves it."""
    config = TrainConfig.load(model=MODEL, **recipe)
    part, _ = split_for_training(dataset, config)
    sizes = [len(members) for members in part.groups().values()]
    resolved = config.fitted(len(sizes), max(sizes), several=dataset.several).as_dict()
    return {k: v for k, v in resolved.items() if k not in (*RUNTIME, "dataset")}


def settings_key(dataset: GroupedDataset, recipe: dict[str, object]) -> str:
    """A hash of the records, the concepts, the resolved training settings and the map settings."""
    records = tuple(tuple(asdict(record).items()) for record in dataset.records)
    if trained_by_glass(dataset, recipe):
        settings = sorted(read_config(TRAINED_RUN)["training"].items())
    else:
        settings = sorted(training_settings(dataset, recipe).items())
    return content_key(records, dataset.concepts, settings, MAP_SETTINGS)


def trained_by_glass(dataset: GroupedDataset, recipe: dict[str, object]) -> bool:
    """Whether `lite0-glass` is the trained model of a data set."""
    return dataset.name in GLASS and dataset.features is not None and recipe == RECIPE


def open_maps(
    dataset: GroupedDataset, start: GlassModel, recipe: dict[str, object] | None = None
) -> DatasetMaps:
    """The maps of a data set; what is neither bundled nor in the cache is made, with a bar.

    Args:
        dataset: what is shown.
        start: the untrained model; it stays as it is.
        recipe: fields of TrainConfig that differ from ``RECIPE``.

    Raises:
        InputError: too many pictures, one is missing or broken, or a setting is not allowed.
    """
    check_size(dataset)
    recipe = RECIPE | (recipe or {})
    key = settings_key(dataset, recipe)
    missing = isinstance(dataset.images, MissingImages)
    prints = () if missing else tuple(dataset.fingerprint(i) for i in range(len(dataset)))
    kept = cache_folder("app", re.sub(r"[^\w-]+", "-", dataset.name)[:60] or "data")
    shipped = BUNDLED / dataset.name
    places = bundled_places(shipped, key) if dataset.features is not None else None
    run = TRAINED_RUN if trained_by_glass(dataset, recipe) else shipped
    if places is None and run == shipped:
        run = kept / content_key(VERSION, key, prints)[:16]
        if not run.is_dir():
            train_run(dataset, start, recipe, run)
    models = start, trained_copy(start, run)
    seen = [embed(model, dataset) for model in models]
    if places is None:
        places = fit_places(dataset.name, seen)
    before, after = (Projection.of(dataset, *pair) for pair in zip(seen, places, strict=True))
    pictures = kept / f"pictures-{content_key(prints)[:16]}"
    return DatasetMaps(
        dataset,
        before,
        after,
        compare(dataset, models, seen),
        run,
        thumbnails=None if missing else Thumbnails(pictures),
    )


def compare(
    dataset: GroupedDataset, models: tuple[GlassModel, GlassModel], seen: list[Embedding]
) -> Comparison:
    """Both models, once passed by a picture and a text, so that no visitor waits for that."""
    # What visitors ask does not go into the log: they are told on the page.
    before, after = (
        Probe(model, dataset, concepts=one.concept, pictures=one.picture, warn=False)
        for model, one in zip(models, seen, strict=True)
    )
    comparison = Comparison(before, after)
    comparison.concepts(Image.new("RGB", (64, 64)))
    comparison.text_vectors("a picture")
    return comparison


def bundled_places(folder: Path, key: str) -> list[np.ndarray] | None:
    """The bundled (n, 2) places before and after; None where they are of other settings."""
    file = folder / PLACES
    if not file.is_file():
        return None
    with safe_open(file, "np") as kept:
        if kept.metadata()["key"] != key:
            return None
        return [kept.get_tensor(side) for side in SIDES]


def train_run(
    dataset: GroupedDataset, start: GlassModel, recipe: dict[str, object], out: Path
) -> None:
    """Train a copy of the model, with a bar; ``out`` is there once the training has finished."""
    scratch = out.with_name(f"{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    config = TrainConfig.load(model=MODEL, out=str(scratch), tracker="none", **recipe)
    with bar(f"{dataset.name}: reading the pictures") as progress:
        train(config, dataset=dataset, model=copy.deepcopy(start), bar=True, progress=progress)
    with keeping_in(out.parent):
        scratch.replace(out)


def fit_places(name: str, seen: list[Embedding]) -> list[np.ndarray]:
    """(n, 2) places of the pictures before and after, by UMAP, with a bar.

    The trained map starts from the untrained one and is turned to lie as near to it as it can, so
    that what moves between the two has moved in the model.
    """
    places: list[np.ndarray] = []
    for side, one in zip(SIDES, seen, strict=True):
        with bar(f"{name}: drawing the map {side} training") as progress:
            first = places[0] if places else None
            places.append(maps.project(one.picture, start=first, progress=progress))
    return places
