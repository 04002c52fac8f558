"""What the app shows of one data set: vectors before and after training, maps, small pictures.

Built once, kept under the hash of the data set and of the recipe, and read in well under a second
without torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from app import map_data
from app.progress import Progress
from app.thumbnails import Thumbnails
from glasskit import __version__
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.latent.embedding import Embedding, Recognised
from glasskit.latent.maps import VERSION as MAP_VERSION
from glasskit.latent.maps import place_words, project
from glasskit.latent.store import content_key, read_arrays, write_arrays
from glasskit.models.cache import cache_folder

VERSION = 1
"""Raise it when what is stored changes."""

SIDES = ("before", "after")
MODEL = "lite0-minilm"


@dataclass(frozen=True)
class View:
    """A data set as one model sees it, with its flat map. Places are (., 2)."""

    embedding: Embedding
    picture: np.ndarray
    caption: np.ndarray
    concept: np.ndarray


@dataclass(frozen=True)
class Exhibit:
    """One data set in the app, ready to be shown.

    Attributes:
        dataset: records and taxonomy.
        before: by the untrained model.
        after: by the trained model.
        run: directory of the trained model.
        thumbnails: small pictures, or None where the data set's pictures are not here.
    """

    dataset: GroupedDataset
    before: View
    after: View
    run: Path
    thumbnails: Thumbnails | None

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.dataset.name

    def view(self, side: str) -> View:
        """``before`` or ``after``."""
        return self.before if side == "before" else self.after

    def recognised(self, side: str) -> Recognised:
        """How near each record's own concept is, and which concept is nearest; computed once."""
        return self._recognised[side]

    @cached_property
    def _recognised(self) -> dict[str, Recognised]:
        targets = self.dataset.targets(1)
        return {side: self.view(side).embedding.recognised(targets) for side in SIDES}

    @cached_property
    def map_file(self) -> bytes:
        """What the browser draws the maps from (see app/map_data.py), computed once."""
        return map_data.map_file(self)

    @cached_property
    def texts_file(self) -> bytes:
        """Keys and captions for the browser, computed once."""
        return map_data.texts_file(self)

    def sentence(self, side: str) -> str:
        """How many pictures one side recognises, in words."""
        split, chosen = measured(self.dataset)
        right = (self.recognised(side).rank[chosen] == 1).sum()
        return f"{right} of {len(chosen)} {split} pictures recognised"

    def story(self) -> str:
        """One sentence with the two numbers that the maps are about."""
        split, chosen = measured(self.dataset)
        before, after = (self.recognised(side).rank == 1 for side in SIDES)
        where = "that training never saw" if split == "unseen" else "of the data set"
        return (
            f"Of {len(chosen)} pictures {where}, the model puts {before[chosen].sum()} nearest to "
            f"their own concept before training and {after[chosen].sum()} after; "
            f"there are {len(self.dataset.labels(1))} concepts to choose from."
        )


def data_key(dataset: GroupedDataset) -> str:
    """The name under which a data set is kept: changes with its pictures and texts."""
    missing = isinstance(dataset.images, MissingImages)
    prints = () if missing else tuple(dataset.fingerprint(i) for i in range(len(dataset)))
    records = tuple(tuple(asdict(record).items()) for record in dataset.records)
    return content_key(VERSION, dataset.name, records, dataset.concepts, prints)[:16]


def open_exhibit(dataset: GroupedDataset, recipe: dict[str, object], progress: Progress) -> Exhibit:
    """Read an exhibit from the cache, building first what is not there.

    Args:
        dataset: what is shown.
        recipe: settings of the training run (fields of TrainConfig).
        progress: told of every step.

    Raises:
        InputError: a picture is missing or broken, or a setting is not allowed.
    """
    home = cache_folder("app", f"{dataset.name}-{data_key(dataset)}")
    folder = (
        home / content_key(__version__, VERSION, MAP_VERSION, MODEL, sorted(recipe.items()))[:16]
    )
    stored = read_arrays(folder / "views.npz")
    thumbnails = None
    if not isinstance(dataset.images, MissingImages):
        thumbnails = Thumbnails(home / "pictures", len(dataset))
        if not thumbnails.complete():
            thumbnails.draw(dataset, progress.step(f"{dataset.name}: drawing the pictures"))
    if stored is None:
        from app.build import build_views  # brings torch, which reading from the cache does without

        stored = build_views(dataset, recipe, folder / "run", progress)
        write_arrays(folder / "views.npz", stored)
    before, after = (_view(stored, side) for side in SIDES)
    return Exhibit(dataset, before, after, folder / "run", thumbnails)


def draw_maps(before: Embedding, after: Embedding) -> dict[str, np.ndarray]:
    """Vectors of both models with their maps, as arrays to be stored.

    The trained map starts from the untrained one and is turned to lie as near to it as it can, so
    that what moves between the two has moved in the model.
    """
    arrays: dict[str, np.ndarray] = {}
    start = None
    for side, seen in zip(SIDES, (before, after), strict=True):
        start = project(seen.picture, start=start)
        arrays |= {
            f"{side}_vectors": seen.picture,
            f"{side}_caption_vectors": seen.caption,
            f"{side}_concept_vectors": seen.concept,
            f"{side}_picture": start,
            f"{side}_caption": place_words(seen.caption, seen.picture, start, k=4),
            f"{side}_concept": place_words(seen.concept, seen.picture, start),
        }
    return arrays


def _view(stored: dict[str, np.ndarray], side: str) -> View:
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


def measured(data: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(data.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(data))))
