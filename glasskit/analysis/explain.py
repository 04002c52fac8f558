"""Why a model answers as it does: the class words that its image head reads, and where it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

from glasskit.errors import InputError
from glasskit.models.vectors import unit

if TYPE_CHECKING:
    from glasskit.models import GlassModel


class Reason(NamedTuple):
    """A class word and its probability, 0 to 1."""

    name: str
    weight: float


def class_words(
    model: GlassModel,
    image: Image.Image,
    features: torch.Tensor | None = None,
) -> list[Reason]:
    """The five ImageNet classes that the frozen image tower finds most probable.

    The untrained image vector of the built-in model is the mean of these words' text vectors,
    weighted by these probabilities (ConSE): where they are wrong, everything after them starts
    from a wrong place.

    Args:
        model: one whose image head reads class words.
        image: a PIL picture.
        features: the picture's (1, F) features where they are at hand.

    Raises:
        InputError: the model has no such head.
    """
    read_words = getattr(model.image_head, "class_probabilities", None)
    if read_words is None:
        raise InputError(f"model {model.name!r} reads no class words; lite0-minilm and its runs do")
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES

    if features is None:
        features = model.image_tower([image])
    with torch.inference_mode():
        share = read_words(features.to(model.device))[0].cpu()
    best = share.topk(5)
    return [
        Reason(IMAGENET_CLASSNAMES[i], float(p))
        for i, p in zip(best.indices, best.values, strict=True)
    ]


def patch_grid(model: GlassModel, image: Image.Image) -> torch.Tensor:
    """(1, P, F) features of the places of the tower's grid: what ``heat_map`` starts from.

    Models that share their towers share it.
    """
    with torch.inference_mode():
        return model.patch_features(model.pixels([image]))


def heat_map(
    model: GlassModel, image: Image.Image, vector: np.ndarray, patches: torch.Tensor | None = None
) -> np.ndarray:
    """Where in a picture its parts are near to a concept or phrase.

    Each place of the tower's grid goes through the image head as if it were a whole picture; the
    cosine of its vector to ``vector`` is its heat. Coarse: a place of a convolutional tower has
    seen far beyond its own square.

    Args:
        model: one whose tower keeps a grid.
        image: a PIL picture; it is cropped as the tower crops it.
        vector: (L,) of a concept or phrase.
        patches: the picture's ``patch_grid`` where it is at hand.

    Returns:
        (h, w) float32 cosines.

    Raises:
        InputError: the model keeps no grid.
    """
    if patches is None:
        patches = patch_grid(model, image)
    with torch.inference_mode():
        seen = model.embed_image_features(patches)[0].float().cpu().numpy()  # (P, L)
    side = round(len(seen) ** 0.5)
    if side * side != len(seen):
        raise InputError(f"model {model.name!r} keeps no square grid of places")
    return (seen @ unit(vector)).reshape(side, side)


def overlay(image: Image.Image, heat: np.ndarray, size: int = 240) -> Image.Image:
    """The picture, cut to a square as the tower cuts it, with warm light where the heat is.

    The hottest place is fully lit and the coldest dark, so that only places of one picture can be
    compared, never two pictures.

    Args:
        image: a PIL picture.
        heat: (h, w) values of any scale.
        size: pixels of a side.
    """
    low, high = float(heat.min()), float(heat.max())
    share = (heat - low) / max(high - low, 1e-9)
    light = Image.fromarray((255 * share).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    square = ImageOps.fit(image.convert("RGB"), (size, size))
    dark = Image.blend(square.convert("L").convert("RGB"), Image.new("RGB", square.size), 0.55)
    return Image.composite(square, dark, light)
