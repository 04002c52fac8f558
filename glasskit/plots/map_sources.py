"""What a map in a notebook shows: a data set by one or two models, or vectors of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasskit.analysis.geometry import centroids
from glasskit.analysis.maps import project
from glasskit.analysis.probe import Probe
from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.own_vectors import ENDINGS, Column, read_vectors
from glasskit.errors import InputError
from glasskit.models import GlassModel, load_model
from glasskit.models.embedding import Embedding, embed
from glasskit.models.vectors import unit_rows
from glasskit.plots.map_data import Projection, check_size

Model = str | Path | GlassModel
Models = Model | Sequence[Model] | Mapping[str, Model]
Vectors = str | Path | np.ndarray

MODELS = ("lite0-minilm", "lite0-glass")
"""Shown where no model is named."""


@dataclass(frozen=True)
class Shown:
    """One map, or two of the same pictures.

    Attributes:
        dataset: the pictures.
        sides: what each map is called.
        projections: of each map.
        probes: the model of each map, which reads phrases; None where it is not known.
    """

    dataset: GroupedDataset
    sides: tuple[str, ...]
    projections: tuple[Projection, ...]
    probes: tuple[Probe | None, ...]


def shown(
    source: GroupedDataset | Vectors | Mapping[str, Vectors],
    models: Models | None,
    images: str | Path | None,
    **columns: Column,
) -> Shown:
    """What is to be seen of a source; arguments as of ``glasskit.plots.map_widget``."""
    if isinstance(source, str | Path) and not str(source).lower().endswith(ENDINGS):
        source = load_dataset(source, images)
    if not isinstance(source, GroupedDataset):
        return shown_vectors(source, models, images, **columns)
    if any(column is not None for column in columns.values()):
        raise InputError("map_widget: a data set brings its own captions, labels and files")
    return shown_dataset(source, models)


def shown_dataset(dataset: GroupedDataset, models: Models | None) -> Shown:
    """A data set as one or two models see it; what is in the cache is not computed again."""
    check_size(dataset)
    opened = {name: _open(model) for name, model in named(models or MODELS).items()}
    seen = {name: embed(model, dataset) for name, model in opened.items()}
    places = _places([one.picture for one in seen.values()])
    return Shown(
        dataset,
        tuple(opened),
        tuple(Projection.of(dataset, *one) for one in zip(seen.values(), places, strict=True)),
        tuple(Probe(model, dataset, warn=False) for model in opened.values()),
    )


def shown_vectors(
    source: Vectors | Mapping[str, Vectors],
    models: Models | None,
    images: str | Path | None,
    **columns: Column,
) -> Shown:
    """Vectors of one's own, of one or two models; see ``read_vectors``.

    A concept stands where the middle of its pictures is.

    Raises:
        InputError: also where a model's vectors have another width, or two sources another length.
    """
    sources = source if isinstance(source, Mapping) else {"": source}
    read = [read_vectors(one, images=images, **columns) for one in sources.values()]
    dataset = read[0][0]
    check_size(dataset)
    if len(read) > 2 or len({len(vectors) for _, vectors in read}) > 1:
        raise InputError("map_widget: give one or two sets of vectors, of the same pictures")
    vectors = [unit_rows(np.asarray(one, np.float32), "vectors") for _, one in read]
    probes: list[Probe | None] = [None] * len(read)
    if models is not None:
        opened = [_open(model) for model in named(models).values()]
        if len(opened) != len(read):
            raise InputError(f"map_widget: {len(opened)} models for {len(read)} sets of vectors")
        probes = [Probe(model, dataset, warn=False) for model in opened]
        for model, one in zip(opened, vectors, strict=True):
            width = np.asarray(model.encode_texts(["a picture"])).shape[1]
            if width != one.shape[1]:
                raise InputError(
                    f"model {model.name!r} makes vectors of {width} numbers and these have "
                    f"{one.shape[1]}; name the model that made them"
                )
    groups = dataset.groups() if dataset.labelled else {}
    none = np.zeros((0, 0), np.float32)
    projections = []
    for one, places in zip(vectors, _places(vectors), strict=True):
        middles = centroids(one, groups) if groups else none
        seen = Embedding(picture=one, caption=none, concept=middles)
        projections.append(Projection.of(dataset, seen, places, named=False))
    sides = tuple(name or dataset.name for name in sources)
    return Shown(dataset, sides, tuple(projections), tuple(probes))


def named(models: Models) -> dict[str, Model]:
    """One or two models by the names that stand above their maps.

    Raises:
        InputError: none, more than two, or two of one name.
    """
    if isinstance(models, Mapping):
        found, count = dict(models), len(models)
    else:
        each = [models] if isinstance(models, str | Path | GlassModel) else list(models)
        count = len(each)
        found = {one.name if isinstance(one, GlassModel) else str(one): one for one in each}
    if len(found) != count or count not in (1, 2):
        raise InputError(f"map_widget: {count} models; give one, or two of different names")
    return found


def _open(model: Model) -> GlassModel:
    return model if isinstance(model, GlassModel) else load_model(model)


def _places(vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """(n, 2) places by each model; the second map starts from the first."""
    first = project(vectors[0])
    return [first, *(project(one, start=first) for one in vectors[1:])]
