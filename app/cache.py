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
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from glasskit.analysis import maps
from glasskit.analysis.probe import Probe
from glasskit.analysis.store import content_key
from glasskit.data.folder import without_broken
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.vocabulary import vocabulary_names
from glasskit.errors import BrokenPicturesError
from glasskit.io.places import cache_folder, keeping_in
from glasskit.io.terminal import bar
from glasskit.models import GlassModel
from glasskit.models.embedding import Embedding, embed
from glasskit.models.features import text_features
from glasskit.models.lite0 import TRAINED_RUN
from glasskit.models.loading import load_model, read_config, trained_copy
from glasskit.models.prompts import prompts
from glasskit.plots.map_data import SIDES, Projection, check_size
from glasskit.training import TrainConfig, train
from glasskit.training.config import RUNTIME
from glasskit.training.validation import split_for_training
from glasskit_app.state import GLASS, MODEL, DatasetMaps, Seen, grouped_name

RECIPE: dict[str, object] = {"objective": "grouped", "seed": 0}
"""How the model on the right-hand side is trained; all else as TrainConfig has it."""

BUNDLED = Path(__file__).parent / "bundled"
MADE_GLASS = ("coco-ideas", "coco-concepts")
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
    if use_glass(dataset, recipe):
        settings = sorted(read_config(TRAINED_RUN)["training"].items())
    else:
        settings = sorted(training_settings(dataset, recipe).items())
    return content_key(records, dataset.concepts, settings, MAP_SETTINGS)


def use_glass(dataset: GroupedDataset, recipe: dict[str, object]) -> bool:
    """Whether `lite0-glass` is the trained model of a data set; nothing trains without labels."""
    made_of = dataset.name in MADE_GLASS and dataset.features is not None and recipe == RECIPE
    return made_of or not dataset.labelled


@cache
def open_model(name: str, start: GlassModel) -> GlassModel:
    """A model by its name; heads on the towers of ``start`` go onto a copy of it, not read again.

    Raises:
        InputError: there is no such model.
    """
    if name == MODEL:
        return start
    folder = TRAINED_RUN if name == GLASS else Path(name).expanduser()
    if folder.is_dir() and read_config(folder)["base"] == start.base:
        return trained_copy(start, folder)
    return load_model(name)


def open_maps(
    dataset: GroupedDataset,
    start: GlassModel,
    models: Mapping[str, str] | None = None,
    recipe: dict[str, object] | None = None,
) -> DatasetMaps:
    """The maps of a data set; what is neither bundled nor in the cache is made, with a bar.

    Args:
        dataset: what is shown.
        start: the untrained model; it stays as it is.
        models: two or more that ``load_model`` takes, by the name to show; without them ``start``
            and a run of the recipe, or `lite0-glass` where nobody labelled the pictures.
        recipe: fields of TrainConfig that differ from ``RECIPE``.

    Raises:
        InputError: too many pictures, one is missing or broken, or a setting is not allowed.
    """
    check_size(dataset)
    recipe = RECIPE | (recipe or {})
    kept = cache_folder("app", re.sub(r"[^\w-]+", "-", dataset.name)[:60] or "data")
    bundled = bundled_places(dataset, recipe)
    if models is None:
        trained, run = GLASS, TRAINED_RUN
        if not use_glass(dataset, recipe):
            trained, run = grouped_name(dataset.name), BUNDLED / dataset.name
            if not bundled:
                settings, prints = settings_key(dataset, recipe), fingerprints(dataset)
                run = kept / content_key(VERSION, settings, prints)[:16]
                if not run.is_dir():
                    train_run(dataset, start, recipe, run)
        models = {MODEL: MODEL, trained: str(run)}
    opened = {name: open_model(path, start) for name, path in models.items()}
    dataset, seen = look_at(dataset, opened)
    places = fit_places(dataset.name, seen, bundled)
    prints = fingerprints(dataset)
    pictures = kept / f"pictures-{content_key(prints)[:16]}"
    return DatasetMaps(
        dataset,
        tuple(
            Seen(
                name,
                models[name],
                Projection.of(dataset, seen[name], places[name]),
                warm_probe(model, dataset, seen[name]),
            )
            for name, model in opened.items()
        ),
        thumbnails=pictures if prints else None,
    )


def fingerprints(dataset: GroupedDataset) -> tuple[str, ...]:
    """A text for each picture that changes with it; none where the pictures are not here."""
    if isinstance(dataset.images, MissingImages):
        return ()
    return tuple(dataset.fingerprint(i) for i in range(len(dataset)))


def look_at(
    dataset: GroupedDataset, models: Mapping[str, GlassModel]
) -> tuple[GroupedDataset, dict[str, Embedding]]:
    """The vectors of a data set by each model.

    Where nobody labelled the pictures, those are left out in which decoding finds damage.
    """
    while True:
        try:
            return dataset, {name: look(dataset, name, model) for name, model in models.items()}
        except BrokenPicturesError as error:
            if dataset.labelled:
                raise
            dataset = without_broken(dataset, error)


def look(dataset: GroupedDataset, name: str, model: GlassModel) -> Embedding:
    """The vectors of a data set by a model, with a bar where they are not in the cache."""
    with bar(f"{dataset.name}: {name} reads the pictures") as progress:
        return embed(model, dataset, progress)


def warm_probe(model: GlassModel, dataset: GroupedDataset, seen: Embedding) -> Probe:
    """A probe that a picture and a text have passed, so that no visitor waits for that.

    The vocabulary too, which answers to "why" and the tree are made of.
    """
    with bar(f"{model.name} reads a vocabulary") as progress:
        text_features(model, prompts(vocabulary_names()), progress)
    # What visitors ask does not go into the log: they are told on the page.
    probe = Probe(model, dataset, concepts=seen.concept, pictures=seen.picture, warn=False)
    probe.concepts(Image.new("RGB", (64, 64)))
    probe.text_vectors(["a picture"])
    return probe


def bundled_places(dataset: GroupedDataset, recipe: dict[str, object]) -> dict[str, np.ndarray]:
    """The bundled (n, 2) places by model; none where they are of other data or settings."""
    file = BUNDLED / dataset.name / PLACES
    if dataset.features is None or not file.is_file():
        return {}
    with safe_open(file, "np") as kept:
        if kept.metadata()["key"] != settings_key(dataset, recipe):
            return {}
        trained = GLASS if use_glass(dataset, recipe) else grouped_name(dataset.name)
        return {n: kept.get_tensor(s) for s, n in zip(SIDES, (MODEL, trained), strict=True)}


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


def fit_places(
    dataset: str, seen: Mapping[str, Embedding], bundled: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """(n, 2) places of the pictures by each model, by UMAP, with a bar; bundled ones as they are.

    Each map starts from the first one and is turned to lie as near to it as it can, so that what
    moves between two maps has moved in the model.
    """
    first = next(iter(seen))
    places = dict(bundled) if first == MODEL else {}
    for name, one in seen.items():
        if name not in places:
            with bar(f"{dataset}: drawing the map of {name}") as progress:
                start = places.get(first)
                places[name] = maps.project(one.picture, start=start, progress=progress)
    return places
