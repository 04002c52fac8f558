"""Pictures of published benchmarks, embedded through the feature cache."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from glasskit.data.images import FolderImages
from glasskit.errors import InputError

if TYPE_CHECKING:
    from glasskit.models import GlassModel

Progress = Callable[[int, int], None]


class FolderPictures:
    """Pictures of a folder by key, as the feature cache asks for them.

    Args:
        folder: where they are.
        keys: file names (with or without ending) or COCO ids.
        features: a file of image features that holds these keys, or None.
    """

    def __init__(
        self, folder: str | Path, keys: Sequence[str], features: Path | None = None
    ) -> None:
        self.images = FolderImages(folder)
        self.keys = list(keys)
        self.features = features

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, index: int) -> str:
        """The name of a picture."""
        return self.keys[index]

    def image(self, index: int, side: int = 0) -> Image.Image:
        """The picture as RGB; raises InputError where it is missing or broken."""
        return self.images.open(self.keys[index], side)

    def check(self, index: int) -> None:
        """Look whether the picture is there and readable; raises PictureError where not."""
        self.images.check(self.keys[index])

    def fingerprint(self, index: int) -> str:
        """A text that changes when the picture does."""
        return self.images.fingerprint(self.keys[index])


def embed_pictures(
    model: GlassModel,
    folder: str | Path,
    keys: Sequence[str],
    features: Path | None = None,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Each distinct picture embedded once.

    Args:
        folder: the pictures. keys: file names or COCO ids.
        features: a file of image features that ship with a data set; used where it is of this
            model's tower and holds every key.

    Returns:
        vectors (p, L) of the distinct pictures, and (len(keys),) the row of each key.

    Raises:
        InputError: no keys, or a picture is missing or broken.
    """
    from glasskit.models.features import embed_dataset_images

    if not keys:
        raise InputError(f"{folder}: no pictures to embed")
    distinct = sorted(set(keys))
    place = {key: i for i, key in enumerate(distinct)}
    vectors = embed_dataset_images(model, FolderPictures(folder, distinct, features), progress)
    return vectors.numpy(), np.array([place[key] for key in keys])


def coco_key(filename: str) -> str:
    """The COCO id of a file name, ``COCO_val2014_000000000139.jpg`` or ``000000000139.jpg``.

    Any other name stays as it is.
    """
    found = re.fullmatch(r"(?:COCO_(?:train|val|test)\d{4}_)?(\d+)\.jpg", filename)
    return str(int(found[1])) if found else filename
