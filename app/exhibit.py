"""What the app shows of one data set: vectors before and after training, maps, small pictures.

Built once, kept under the hash of the data set and of the recipe, and read in well under a second
without torch.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from app.progress import Progress
from app.thumbnails import COLUMNS, EACH, EDGE, Thumbnails
from glasskit import __version__
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import LEVELS, SPLITS
from glasskit.latent.embedding import Embedding
from glasskit.latent.maps import VERSION as MAP_VERSION
from glasskit.latent.maps import place_words, project
from glasskit.latent.neighbours import nearest
from glasskit.latent.palette import family_level, level_colours
from glasskit.latent.store import content_key, read_arrays, write_arrays
from glasskit.models.cache import cache_folder

VERSION = 1
"""Raise it when what is stored changes."""

SIDES = ("before", "after")
TIES = 6
"""Neighbours that a picture is joined to on the map."""

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

    def map_json(self) -> bytes:
        """Everything that the browser needs to draw the maps, as JSON."""
        data = self.dataset
        targets = data.targets(1)
        payload = {
            "name": data.name,
            "n": len(data),
            "key": [record.key for record in data.records],
            "caption": [record.captions[0] for record in data.records],
            "theme": [record.theme[0] if record.theme else "" for record in data.records],
            "split": [record.split for record in data.records],
            "splits": [s for s in SPLITS if any(r.split == s for r in data.records)],
            "concept": targets.tolist(),
            "concepts": list(data.labels(1)),
            "levels": _levels(data),
            "family": LEVELS[family_level(data.concepts) - 1],
            "views": {side: _view_json(self.view(side), data, targets) for side in SIDES},
            "story": self.story(),
            "credits": data.credits,
            "sheet": None,
            "pictures": None,
            "hint": "start the app with --images and the folder of the photographs",
        }
        if self.thumbnails is not None:
            base = f"kit/pictures/{data.name}/"
            payload["pictures"] = base
            payload["sheet"] = {
                "url": f"{base}sheet",
                "count": self.thumbnails.sheets,
                "each": EACH,
                "columns": COLUMNS,
                "edge": EDGE,
            }
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()

    def story(self) -> str:
        """One sentence with the two numbers that the maps are about."""
        split, chosen = measured(self.dataset)
        targets = self.dataset.targets(1)
        before, after = (self.view(side).embedding.ranks(targets) == 1 for side in SIDES)
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


def _view_json(view: View, data: GroupedDataset, targets: np.ndarray) -> dict[str, object]:
    seen = view.embedding
    ranks = seen.ranks(targets)
    split, chosen = measured(data)
    return {
        "picture": np.round(view.picture, 4).ravel().tolist(),
        "caption": np.round(view.caption, 4).ravel().tolist(),
        "concept": np.round(view.concept, 4).ravel().tolist(),
        "rank": ranks.tolist(),
        "top": seen.scores().argmax(axis=1).tolist(),
        "near": nearest(seen.picture, seen.picture, TIES, exclude_self=True).index.tolist(),
        "sentence": f"{(ranks[chosen] == 1).sum()} of {len(chosen)} {split} pictures recognised",
    }


def measured(data: GroupedDataset) -> tuple[str, list[int]]:
    """Which pictures a share of recognised ones is about: unseen ones where there are any."""
    unseen = [i for i, record in enumerate(data.records) if record.split == "test"]
    return ("unseen", unseen) if unseen else ("seen", list(range(len(data))))


def _levels(data: GroupedDataset) -> dict[str, object]:
    levels: dict[str, object] = {}
    for number, name in enumerate(LEVELS, start=1):
        labels = data.labels(number)
        if not labels:
            continue
        colours = level_colours(data.concepts, number)
        place = {label: i for i, label in enumerate(labels)}
        levels[name] = {
            "labels": list(labels),
            "colours": [colours[label] for label in labels],
            "of": [place.get(concept.levels[number - 1], -1) for concept in data.concepts],
        }
    return levels
