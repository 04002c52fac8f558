"""What a run learns from, by content: a run goes on only with what it began with.

Names and places do not count, so that a project may be moved. Records of the test split are left
out, since no run looks at them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FileSource
from glasskit.models import GlassModel
from glasskit.models.bundled import TEXTS, bundled_rows
from glasskit.models.stream import ahead

READ_AHEAD = 64
"""Pictures that are read at once."""


def records_key(dataset: GroupedDataset) -> dict[str, str]:
    """A hash of each part of the records and concepts that moves a run, by its name."""
    records, concepts = dataset.records, dataset.concepts
    parts: dict[str, list[Any]] = {
        "records": [(r.key, r.labels, r.split) for r in records],
        "captions": [(r.literal, r.theme, dict(r.label_themes)) for r in records],
        "negations": [r.negation for r in records],
        "also": [r.also for r in records],
        "concepts": [c.levels for c in concepts],
        "hard negatives": [c.hard_negatives for c in concepts],
    }
    return {name: _digest([json.dumps(part).encode()]) for name, part in parts.items()}


def pictures_key(dataset: GroupedDataset, model: GlassModel, *, cached: bool) -> dict[str, str]:
    """A hash of the pictures, or of the features that ship with the kit where those stand for them.

    Every picture is read once.

    Args:
        dataset: whose pictures.
        model: whose features may ship with the data set.
        cached: whether the run reads tower features through the cache (mode head).
    """
    keys = [record.key for record in dataset.records]
    found: dict[str, str] = {}
    if cached:
        texts = [caption for record in dataset.records for caption in record.captions]
        bundled = {
            "bundled features of texts": bundled_rows(TEXTS, model.tower_hash, texts),
            "bundled features of pictures": bundled_rows(dataset.features, model.tower_hash, keys),
        }
        found = {name: tensors_key(rows) for name, rows in bundled.items() if rows}
        if len(bundled["bundled features of pictures"]) == len(keys):
            return found
    source = dataset.images
    if isinstance(source, FileSource):

        def one(key: str) -> bytes:
            return hashlib.sha256(source.read(key)).digest()

        return found | {"pictures": _digest(ahead(keys, one, READ_AHEAD))}
    return found | {"pictures": _digest(source.fingerprint(key).encode() for key in keys)}


def frozen_key(model: GlassModel, trained: Iterable[nn.Parameter]) -> str:
    """A hash of all weights of a model that a run leaves as they are."""
    moving = {parameter.data_ptr() for parameter in trained}
    kept = model.state_dict().items()
    return tensors_key({name: t for name, t in kept if t.data_ptr() not in moving})


def tensors_key(tensors: Mapping[str, Tensor]) -> str:
    """A hash of tensors and their names."""
    return _digest(
        part for name, tensor in tensors.items() for part in (name.encode(), _bytes(tensor))
    )


def _bytes(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()  # NumPy has no bfloat16


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
