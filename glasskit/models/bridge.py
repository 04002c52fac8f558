"""What the built-in model's image head needs of its text tower: vectors of 1,000 class names.

The image tower knows ImageNet's classes; their names, read by the text tower, are how its answer
becomes a vector of the joint space (ConSE, arXiv 1312.5650; see `heads.ConseHead`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import open_clip
import torch
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from glasskit.io.places import atomic_write
from glasskit.models.cache import cache_folder, write_tensors
from glasskit.models.weights import TEXT_TOWER

SHIPPED = Path(__file__).with_name("lite0_bridge.safetensors")
CAPTIONS = Path(__file__).with_name("everyday_captions.txt")
"""Written for the mean that every caption is taken relative to."""


def bridge(text_tower: nn.Module, tokenizer: open_clip.HFTokenizer) -> tuple[Tensor, Tensor]:
    """(C, L) unit vectors of the class names and the (G,) mean of everyday captions.

    Both are fixed by the published weights and the texts. They ship with the kit, in float32 as one
    machine computed them, so that the model is the same everywhere to the bit. Where open_clip's
    class names have changed they are computed and kept in the cache.
    """
    captions, texts = bridge_texts()
    features = _shipped(texts)
    if features is None:
        file = cache_folder("bridge") / f"{_key(texts)[:40]}.safetensors"
        try:
            features = load_file(file)["features"]
        except (FileNotFoundError, SafetensorError):
            features = normalised_features(text_tower, tokenizer, texts)
            write_tensors({"features": features}, file)
    mean = features[: len(captions)].mean(0)
    return functional.normalize(features[len(captions) :] - mean, dim=-1), mean


def bridge_texts() -> tuple[list[str], list[str]]:
    """The everyday captions, and all texts of the bridge: they and then the class names."""
    captions = [line for line in CAPTIONS.read_text(encoding="utf-8").splitlines() if line]
    return captions, [*captions, *IMAGENET_CLASSNAMES]


def write_bridge(features: Tensor, texts: Sequence[str]) -> None:
    """Write the (n, G) float32 features of the bridge's texts into the package."""
    with atomic_write(SHIPPED) as scratch:
        save_file({"features": features}, scratch, metadata={"key": _key(texts)})


@torch.inference_mode()
def normalised_features(
    text_tower: nn.Module, tokenizer: open_clip.HFTokenizer, texts: Sequence[str]
) -> Tensor:
    """(n, G) unit features; texts of like length share a batch, so that little is padding."""
    tokens = tokenizer(list(texts))
    lengths = (tokens != 0).sum(1)
    features = torch.empty(len(texts), text_tower.output_dim)
    for rows in lengths.argsort().split(128):
        features[rows] = text_tower(tokens[rows, : int(lengths[rows].max())])
    return functional.normalize(features, dim=-1)


def _shipped(texts: Sequence[str]) -> Tensor | None:
    with safe_open(SHIPPED, "pt") as file:
        return file.get_tensor("features") if file.metadata()["key"] == _key(texts) else None


def _key(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([TEXT_TOWER.sha256, *texts]).encode()).hexdigest()
