"""Where exhibits are kept, and what is built of one that is not there yet.

What costs most comes in two steps: vectors (pictures read, a model trained) and maps. A visitor is
let in after the first, with a sketch in place of the map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np

from glasskit import __version__
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.latent.embedding import Embedding
from glasskit.latent.maps import VERSION as MAP_VERSION
from glasskit.latent.maps import place_words, project
from glasskit.latent.sketch import sketch
from glasskit.latent.store import content_key, read_arrays, write_arrays
from glasskit.models.cache import cache_folder
from glasskit_app.exhibit import MODEL, SIDES, Exhibit, View
from glasskit_app.progress import Progress
from glasskit_app.thumbnails import DRAWERS, Thumbnails

VERSION = 1
"""Raise it when what is stored changes."""

Arrays = dict[str, np.ndarray]


class Home(NamedTuple):
    """The folders of one exhibit: small pictures, and what one recipe made."""

    pictures: Path
    made: Path

    @property
    def views(self) -> Path:
        """Vectors and maps."""
        return self.made / "views.npz"

    @property
    def vectors(self) -> Path:
        """Vectors alone, until the maps are there."""
        return self.made / "vectors.npz"


def home(dataset: GroupedDataset, recipe: dict[str, object]) -> Home:
    """Where an exhibit is kept: changes with pictures, texts, recipe and version."""
    folder = cache_folder("app", f"{dataset.name}-{data_key(dataset)}")
    made = content_key(__version__, VERSION, MAP_VERSION, MODEL, sorted(recipe.items()))[:16]
    return Home(folder / "pictures", folder / made)


def data_key(dataset: GroupedDataset) -> str:
    """The name under which a data set is kept: changes with its pictures and texts."""
    missing = isinstance(dataset.images, MissingImages)
    prints = () if missing else tuple(dataset.fingerprint(i) for i in range(len(dataset)))
    records = tuple(tuple(asdict(record).items()) for record in dataset.records)
    return content_key(VERSION, dataset.name, records, dataset.concepts, prints)[:16]


def stored_exhibit(
    dataset: GroupedDataset, recipe: dict[str, object], *, draft: bool = False
) -> Exhibit | None:
    """An exhibit from the cache, or None.

    Args:
        dataset: what it shows.
        recipe: settings of its training run.
        draft: one that lacks nothing but its maps will do, and comes with a sketch.
    """
    place = home(dataset, recipe)
    thumbnails = _thumbnails(dataset, place)
    if thumbnails is not None and not thumbnails.complete():
        return None
    stored = read_arrays(place.views)
    if stored is None and draft and (vectors := read_arrays(place.vectors)) is not None:
        stored = vectors | draw_maps(vectors, sketch)
    return None if stored is None else _exhibit(dataset, place, stored, thumbnails)


def open_exhibit(
    dataset: GroupedDataset,
    recipe: dict[str, object],
    progress: Progress,
    *,
    maps: bool = True,
) -> Exhibit:
    """Read an exhibit from the cache, building first what is not there.

    Args:
        dataset: what is shown.
        recipe: settings of the training run (fields of TrainConfig).
        progress: told of every step.
        maps: draw missing maps; else the exhibit comes with a sketch and ``draft`` set.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    done = stored_exhibit(dataset, recipe)
    if done is not None:
        return done
    place = home(dataset, recipe)
    thumbnails = _thumbnails(dataset, place)
    with _drawn_beside(dataset, thumbnails, progress) as drawers:
        stored = read_arrays(place.views)
        if stored is None:
            stored = _built(dataset, recipe, place, progress, maps, drawers)
    return _exhibit(dataset, place, stored, thumbnails)


@contextmanager
def _drawn_beside(
    dataset: GroupedDataset, thumbnails: Thumbnails | None, progress: Progress
) -> Iterator[int]:
    """The map's pictures are drawn while the body runs, which ends when they are all there.

    Yields:
        Processes that draw meanwhile.
    """
    if thumbnails is None or thumbnails.complete():
        yield 0
        return
    report = progress.step(f"{dataset.name}: drawing the pictures", beside=True)
    wanted = Event()
    wanted.set()
    with ThreadPoolExecutor(1, "drawing") as pool:
        drawn = pool.submit(thumbnails.draw, dataset, report, wanted)
        try:
            yield DRAWERS
            drawn.result()
        finally:
            wanted.clear()


def _built(
    dataset: GroupedDataset,
    recipe: dict[str, object],
    place: Home,
    progress: Progress,
    maps: bool,
    drawers: int,
) -> Arrays:
    vectors = read_arrays(place.vectors)
    if vectors is None:
        from glasskit_app.build import build_vectors  # brings torch, which reading does without

        vectors = build_vectors(dataset, recipe, place.made / "run", progress, busy=drawers)
        write_arrays(place.vectors, vectors)
    if not maps:
        return vectors | draw_maps(vectors, sketch)
    progress.step(f"{dataset.name}: drawing the maps before and after")
    stored = vectors | draw_maps(vectors, lambda rows, start: project(rows, start=start))
    write_arrays(place.views, stored)
    place.vectors.unlink(missing_ok=True)
    return stored


def draw_maps(
    vectors: Arrays, draw: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
) -> Arrays:
    """The maps of both models' vectors.

    The trained map starts from the untrained one and is turned to lie as near to it as it can, so
    that what moves between the two has moved in the model.

    Args:
        vectors: of pictures, captions and concepts, before and after.
        draw: (vectors of pictures, places to start from or None) to places.
    """
    arrays: Arrays = {}
    start = None
    for side in SIDES:
        pictures = vectors[f"{side}_vectors"]
        start = draw(pictures, start)
        captions, concepts = vectors[f"{side}_caption_vectors"], vectors[f"{side}_concept_vectors"]
        arrays |= {
            f"{side}_picture": start,
            f"{side}_caption": place_words(captions, pictures, start, k=4),
            f"{side}_concept": place_words(concepts, pictures, start),
        }
    return arrays


def _thumbnails(dataset: GroupedDataset, place: Home) -> Thumbnails | None:
    missing = isinstance(dataset.images, MissingImages)
    return None if missing else Thumbnails(place.pictures, len(dataset))


def _exhibit(
    dataset: GroupedDataset, place: Home, stored: Arrays, thumbnails: Thumbnails | None
) -> Exhibit:
    before, after = (_view(stored, side) for side in SIDES)
    draft = not place.views.is_file()
    return Exhibit(dataset, before, after, place.made / "run", thumbnails, draft)


def _view(stored: Arrays, side: str) -> View:
    return View(
        Embedding(
            picture=stored[f"{side}_vectors"],
            caption=stored[f"{side}_caption_vectors"],
            concept=stored[f"{side}_concept_vectors"],
        ),
        picture=stored[f"{side}_picture"],
        caption=stored[f"{side}_caption"],
        concept=stored[f"{side}_concept"],
    )
