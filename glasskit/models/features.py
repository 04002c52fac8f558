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
    if names and len(bundled) == len(names):  # not one picture need be here
        return torch.stack([bundled[name] for name in names])
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
    return _cached(model, kind, keys, {}, compute, model.image_width, progress)


def text_features(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, G) float32 text-tower features, in the order of the texts; equal texts are done once."""
    distinct = list(dict.fromkeys(texts))

    def compute(rows: Sequence[int]) -> Iterator[Tensor]:
        for block in (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)):
            yield model.text_tower([distinct[i] for i in block])

    bundled = bundled_rows(TEXTS, model.tower_hash, distinct)
    found = _cached(model, "texts", distinct, bundled, compute, model.text_width, progress)
    place = {text: row for row, text in enumerate(distinct)}
    return found[[place[text] for text in texts]]


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
    width: int,
    progress: Progress | None,
) -> Tensor:
    """(n, width) a row a key: bundled, from the cache, or computed and kept, batch by batch."""
    found, absent = dict(bundled), [key for key in keys if key not in bundled]
    store = FeatureStore(cache_folder("features", f"{model.tower_hash[:16]}.sqlite"), kind)
    if absent:
        found |= store.read(absent)
    # Batches are copied to where they stay: kept one by one, they would lie between the pictures
    # that were decoded and are gone, and glibc would not hand that memory out again.
    rows = torch.empty(len(keys), width)
    for row, key in enumerate(keys):
        if key in found:
            rows[row] = found[key]
    missing = [row for row, key in enumerate(keys) if key not in found]
    done = len(keys) - len(missing)
    if progress is not None:
        progress(done, len(keys))
    waiting = iter(missing)
    for batch in compute(missing):
        of_batch = list(islice(waiting, len(batch)))
        store.write([keys[row] for row in of_batch], batch)
        rows[of_batch] = batch
        done += len(batch)
        if progress is not None:
            progress(done, len(keys))
    return rows
