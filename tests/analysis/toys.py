"""A model and a data set small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError
from glasskit.models.reading import Reading

AXES = {"red": 0, "green": 1, "blue": 2}
"""A concept's word points along its axis; a picture's vector is its mean colour."""


class Swatches:
    """Pictures of one colour, drawn from their key, such as ``red-3``."""

    def open(self, key: str) -> Image.Image:
        name, _, number = key.partition("-")
        if name not in AXES:
            raise InputError(f"picture {key!r} is not here: it was never drawn")
        colour = [20 + 7 * int(number)] * 3
        colour[AXES[name]] = 230
        return Image.new("RGB", (32, 24), tuple(colour))

    def fingerprint(self, key: str) -> str:
        return key


class ColourModel:
    """Encodes a picture as its mean colour and a text as the axes that it names."""

    name = "colours"
    tower_hash = "0" * 64
    model_hash = "1" * 64
    embed_dim = image_width = text_width = 3
    device = torch.device("cpu")
    precision, image_side = "fp32", 8

    def __init__(self) -> None:
        self.pictures_seen = 0

    def reading(self, texts: Sequence[str]) -> Reading:
        return Reading(self.name, len(texts))

    def image_tower(self, images: Sequence[Image.Image], *_: object) -> torch.Tensor:
        self.pictures_seen += len(images)
        rows = [np.asarray(image, dtype=np.float32).mean(axis=(0, 1)) / 255 for image in images]
        return torch.from_numpy(np.stack(rows))

    def image_batches(self, items: Sequence, load: Callable, *_: object) -> Iterator:
        for item in items:
            yield (item,), self.image_tower([load(item)])

    def text_tower(self, texts: Sequence[str], *_: object) -> torch.Tensor:
        rows = torch.full((len(texts), 3), 0.05)
        for row, text in zip(rows, texts, strict=True):
            for word, axis in AXES.items():
                row[axis] += text.count(word)
        return rows

    def embed_image_features(self, features: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(features, dim=-1)

    embed_text_features = embed_image_features

    def encode_images(self, images: Sequence[Image.Image], *_: object) -> torch.Tensor:
        return self.embed_image_features(self.image_tower(images))

    def encode_texts(self, texts: Sequence[str], *_: object) -> torch.Tensor:
        return self.embed_text_features(self.text_tower(texts))


def colour_dataset(each: int = 4) -> GroupedDataset:
    """``each`` pictures of red, green and blue, the last of each in the test split."""
    concepts = tuple(
        Concept((name, "primary" if name == "red" else "other", "colour", None)) for name in AXES
    )
    records = tuple(
        Record(
            key=f"{name}-{number}",
            labels=(name,),
            literal=(f"a {name} <b>square</b> number {number}",),
            theme=("paint",),
            split="test" if number == each - 1 else "train",
        )
        for name in AXES
        for number in range(each)
    )
    return GroupedDataset("colours", concepts, records, Swatches(), credits="drawn here")
