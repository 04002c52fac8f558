"""Features that come with the kit: of its own pictures and texts, by its built-in towers.

They are float16, which moves a cosine by less than 1e-6, and are taken only by towers of the very
hash that made them. Made by: python -m tests.tools.shipped_features
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

TEXTS = Path(__file__).with_name("lite0_texts.safetensors")
"""Of captions, negations and prompts of the built-in data sets."""


def bundled_rows(file: Path | None, tower_hash: str, keys: Sequence[str]) -> dict[str, Tensor]:
    """Float32 rows by key of those keys that the file has; none where it is of other towers.

    Args:
        file: "features" (n, F), in its header ``tower_hash`` and the keys, a line each; None where
            a data set has none.
        tower_hash: of the model that asks.
        keys: what the features are of: texts, or keys of pictures.
    """
    row_of, features = _read(file, tower_hash) if file is not None else ({}, torch.empty(0))
    names = [key for key in dict.fromkeys(keys) if key in row_of]
    rows = features[torch.tensor([row_of[name] for name in names], dtype=torch.long)].float()
    return dict(zip(names, rows, strict=True))


@lru_cache(maxsize=4)
def _read(file: Path, tower_hash: str) -> tuple[dict[str, int], Tensor]:
    """The row of each key and the features; nothing where the file is of other towers."""
    with safe_open(file, "pt") as kept:
        told = kept.metadata()
        if told["tower_hash"] != tower_hash:
            return {}, torch.empty(0)
        rows = {key: row for row, key in enumerate(told["keys"].split("\n"))}
        return rows, kept.get_tensor("features")
