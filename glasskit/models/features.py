"""Tower features of pictures and texts, computed once and kept on disk.

A cache is keyed by what it was computed from (hash of the towers, of the picture or text), so that
a stale entry cannot be found. Work is kept in blocks: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from glasskit.models.cache import cache_folder, write_tensors
from glasskit.models.glass_model import GlassModel, Progress

BLOCK = 256
"""Pictures or texts in one cache file."""


class Pictures(Protocol):
    """What is needed of a data set: pictures by index, with a fingerprint and a key each."""

    features: Path | None

    def __len__(self) -> int: ...
    def image(self, index: int) -> Image.Image: ...
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

    def compute(rows: Sequence[int]) -> Tensor:
        return model.image_tower([dataset.image(i) for i in rows])

    keys = [dataset.fingerprint(i) for i in range(len(dataset))]
    return _cached(model, "images", keys, compute, progress)


def text_features(
    model: GlassModel, texts: Sequence[str], progress: Progress | None = None
) -> Tensor:
    """(n, G) float32 text-tower features, in the order of the texts; equal texts are done once."""
    distinct = list(dict.fromkeys(texts))

    def compute(rows: Sequence[int]) -> Tensor:
        return model.text_tower([distinct[i] for i in rows])

    features = _cached(model, "texts", distinct, compute, progress)
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
    model: GlassModel,
    kind: str,
    keys: Sequence[str],
    compute: Callable[[Sequence[int]], Tensor],
    progress: Progress | None,
) -> Tensor:
    """Features by block: read where a block of these keys is on disk, else computed and kept."""
    folder = cache_folder("features", model.tower_hash[:16], kind)
    parts: list[Tensor] = []
    for start in range(0, len(keys), BLOCK):
        rows = range(start, min(start + BLOCK, len(keys)))
        name = hashlib.sha256("\0".join(keys[i] for i in rows).encode()).hexdigest()
        file = folder / f"{name[:40]}.safetensors"
        block = _read(file, len(rows))
        if block is None:
            block = compute(rows)
            write_tensors({"features": block}, file)
        parts.append(block)
        if progress is not None:
            progress(rows.stop, len(keys))
    width = model.image_width if kind == "images" else model.text_width
    return torch.cat(parts) if parts else torch.empty(0, width)


def _read(file: Path, rows: int) -> Tensor | None:
    """A block from disk; one that is missing or damaged is a miss, and is computed again."""
    try:
        block = load_file(file)["features"]
    except (FileNotFoundError, SafetensorError, KeyError):
        return None
    return block if len(block) == rows else None
