"""Tower features of pictures and texts, computed once and kept on disk.

A cache is keyed by what it was computed from (hash of the towers, of the picture or text), so that
a stale entry cannot be found. Work is kept in blocks: an interrupted run goes on where it stopped.
Features of a GPU in bf16 are kept apart from those in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from glasskit.models.cache import cache_folder
from glasskit.models.glass_model import GlassModel, Progress
from glasskit.models.store import FeatureStore

BLOCK = 128
"""Most pictures or texts that are computed between two writes."""


class Pictures(Protocol):
    """What is needed of a data set: pictures by index, with a fingerprint and a key each."""

    features: Path | None

    def __len__(self) -> int: ...
    def image(self, index: int, side: int = 0) -> Image.Image: ...
    def fingerprint(self, index: int) -> str: ...
    def key(self, index: int) -> str: ...


def image_features(
    model: GlassModel, dataset: Pictures, progress: Progress | None = None
) -> Tensor:
    """(n, F) float32 image-tower features of a data set's pictures, in its order.

    Features that ship with the data set are used when they are of this very tower; else those on
    disk; the rest are computed and kept.

    Raises:
        InputError: a picture is missing or broken; the line names it.
    """
    shipped = _shipped(model, dataset)
    if shipped is not None:
        return shipped

    side = model.image_side

    def compute(rows: Sequence[int]) -> Iterator[Tensor]:
        size = None if model.device.type == "cuda" else min(BLOCK, 16)
        batches = model.image_batches(rows, lambda i: dataset.image(i, side), size)
        return (features for _, features in batches)

    keys = [dataset.fingerprint(i) for i in range(len(dataset))]
    kind = "images" if model.precision == "fp32" else f"images-{model.precision}"
    return _cached(_store(model, kind, model.image_width), keys, compute, progress)


def text_features(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, G) float32 text-tower features, in the order of the texts; equal texts are done once."""
    distinct = list(dict.fromkeys(texts))

    def compute(rows: Sequence[int]) -> Iterator[Tensor]:
        for block in (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)):
            yield model.text_tower([distinct[i] for i in block])

    features = _cached(_store(model, "texts", model.text_width), distinct, compute, progress)
    place = {text: i for i, text in enumerate(distinct)}
    return features[torch.tensor([place[text] for text in texts], dtype=torch.long)]


@torch.inference_mode()
def embed_dataset_images(
    model: GlassModel, dataset: Pictures, progress: Progress | None = None
) -> Tensor:
    """(n, L) L2-normalised float32 image vectors of a data set, through the feature cache."""
    features = image_features(model, dataset, progress)
    return model.embed_image_features(features.to(model.device)).cpu()


@torch.inference_mode()
def embed_texts(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, L) L2-normalised float32 text vectors, through the feature cache."""
    features = text_features(model, texts, progress)
    return model.embed_text_features(features.to(model.device)).cpu()


def write_features(file: Path, model: GlassModel, keys: Sequence[str], features: Tensor) -> None:
    """Write features that can ship with a data set: float16, with keys and the tower's hash."""
    save_file(
        {"features": features.half().contiguous()},
        file,
        metadata={"tower_hash": model.tower_hash, "keys": "\n".join(keys)},
    )


def _shipped(model: GlassModel, dataset: Pictures) -> Tensor | None:
    """Features from the data set's own file where it is of this tower and has every record."""
    if dataset.features is None:
        return None
    from safetensors import safe_open

    with safe_open(dataset.features, "pt") as file:
        metadata = file.metadata()
        if metadata["tower_hash"] != model.tower_hash:
            return None
        place = {key: i for i, key in enumerate(metadata["keys"].split("\n"))}
        rows = [place.get(dataset.key(i)) for i in range(len(dataset))]
        if None in rows:
            return None
        return file.get_tensor("features").float()[torch.tensor(rows, dtype=torch.long)]


def _cached(
    store: FeatureStore,
    keys: Sequence[str],
    compute: Callable[[Sequence[int]], Iterator[Tensor]],
    progress: Progress | None,
) -> Tensor:
    """Rows from the store; those that it lacks are computed and kept, a block at a time.

    What was computed when an error or Ctrl-C comes is kept as well.
    """
    if not keys:
        return torch.empty(0, store.width)
    found = store.read(keys)
    missing = [i for i, key in enumerate(keys) if key not in found]
    done = len(keys) - len(missing)
    if progress is not None:
        progress(done, len(keys))
    kept = 0
    fresh: list[Tensor] = []

    def keep() -> None:
        nonlocal kept
        if fresh:
            rows = torch.cat(fresh)
            names = [keys[i] for i in missing[kept : kept + len(rows)]]
            store.write(names, rows)
            found.update(zip(names, rows, strict=True))
            kept += len(rows)
            fresh.clear()

    try:
        for batch in compute(missing):
            fresh.append(batch)
            done += len(batch)
            if sum(map(len, fresh)) >= BLOCK:
                keep()
            if progress is not None:
                progress(done, len(keys))
    finally:
        keep()
    return torch.stack([found[key] for key in keys])


def _store(model: GlassModel, kind: str, width: int) -> FeatureStore:
    return FeatureStore(cache_folder("features", model.tower_hash[:16], kind), width)
