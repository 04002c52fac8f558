"""Tower features of pictures and texts, computed once and kept on disk.

A cache is keyed by what it was computed from: a hash of the towers, and the text, or the picture's
fingerprint (of a file its path, size and time). What has changed is computed anew. Each batch is
kept when it is done: an interrupted run goes on where it stopped. Features of a GPU in bf16 are
kept apart from those in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import torch
from PIL import Image
from torch import Tensor

from glasskit.data.grouped import GroupedDataset
from glasskit.io.pictures import BrokenPicturesError, PictureError, ask_each
from glasskit.io.places import cache_folder
from glasskit.models.bundled import TEXTS, bundled_rows
from glasskit.models.glass_model import GlassModel, Progress, checked_finite
from glasskit.models.store import FeatureStore

BLOCK = 128
"""Texts that are computed at once."""


def image_features(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> Tensor:
    """(n, F) float32 image-tower features of a data set's pictures, in its order.

    Features that ship with the data set are used when they are of this very tower and of every
    picture; else those on disk; the rest are computed and kept.

    Raises:
        BrokenPicturesError: pictures are missing or broken; the line names the first ten. Those
            that can be told by a look at them are told before any is embedded.
    """
    names = [dataset.key(i) for i in range(len(dataset))]
    bundled = bundled_rows(dataset.features, model.tower_hash, names)
    if len(bundled) == len(names):  # not one picture need be here
        return _stacked(bundled, names, model.image_width)
    side = model.image_side

    def load(row: int) -> Image.Image:
        try:
            return dataset.image(row, side)
        except PictureError as error:
            raise BrokenPicturesError(len(names), {row: error}) from error

    def compute(rows: Sequence[int]) -> Iterator[Tensor]:
        ask_each(rows, dataset.check)
        return (features for _, features in model.image_batches(rows, load))

    every = range(len(names))
    try:
        keys = ask_each(every, dataset.fingerprint)
    except BrokenPicturesError:
        ask_each(every, dataset.check)  # tells the broken ones with those that are missing
        raise
    kind = "images" if model.precision == "fp32" else f"images-{model.precision}"
    return _stacked(_cached(model, kind, keys, {}, compute, progress), keys, model.image_width)


def text_features(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, G) float32 text-tower features, in the order of the texts; equal texts are done once."""
    distinct = list(dict.fromkeys(texts))

    def compute(rows: Sequence[int]) -> Iterator[Tensor]:
        for block in (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)):
            yield model.text_tower([distinct[i] for i in block])

    bundled = bundled_rows(TEXTS, model.tower_hash, distinct)
    found = _cached(model, "texts", distinct, bundled, compute, progress)
    return _stacked(found, texts, model.text_width)


@torch.inference_mode()
def embed_dataset_images(
    model: GlassModel, dataset: GroupedDataset, progress: Progress | None = None
) -> Tensor:
    """(n, L) L2-normalised float32 image vectors of a data set, through the feature cache."""
    features = image_features(model, dataset, progress)
    return checked_finite(model, model.embed_image_features(features.to(model.device)).cpu())


@torch.inference_mode()
def embed_texts(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, L) L2-normalised float32 text vectors, through the feature cache."""
    features = text_features(model, texts, progress)
    return checked_finite(model, model.embed_text_features(features.to(model.device)).cpu())


def _cached(
    model: GlassModel,
    kind: str,
    keys: Sequence[str],
    bundled: dict[str, Tensor],
    compute: Callable[[Sequence[int]], Iterator[Tensor]],
    progress: Progress | None,
) -> dict[str, Tensor]:
    """Rows by key: bundled or from the cache; others are computed and kept, batch by batch."""
    found, absent = dict(bundled), [key for key in keys if key not in bundled]
    store = FeatureStore(cache_folder("features", f"{model.tower_hash[:16]}.sqlite"), kind)
    if absent:
        found |= store.read(absent)
    missing = [row for row, key in enumerate(keys) if key not in found]
    done = len(keys) - len(missing)
    if progress is not None:
        progress(done, len(keys))
    waiting = iter(missing)
    for batch in compute(missing):
        names = [keys[row] for row in islice(waiting, len(batch))]
        store.write(names, batch)
        found |= dict(zip(names, batch, strict=True))
        done += len(batch)
        if progress is not None:
            progress(done, len(keys))
    return found


def _stacked(found: dict[str, Tensor], keys: Sequence[str], width: int) -> Tensor:
    """(n, F) the rows of the keys, in their order."""
    return torch.stack([found[key] for key in keys]) if keys else torch.empty(0, width)
