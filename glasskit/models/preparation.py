"""A preprocess in two parts: what is done to each picture, and what is done to a whole batch.

B pictures a batch, H x W the tower's input.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import Normalize, ToTensor


class Preparation:
    """A preprocess, cut where that makes it cheaper; the result is the same.

    One that ends in torchvision's ToTensor and Normalize, as open_clip's do, is cut before them:
    pictures wait and travel as uint8, a quarter of the bytes, and are normalised together where the
    tower is. Any other is left whole. What comes before is not touched: torchvision resizes tensors
    three times as fast as Pillow resizes pictures, but one value in 300 rounds otherwise, and that
    alone turns a vector of lite0-minilm by a cosine of 3e-5.

    Args:
        preprocess: an RGB picture to (3, H, W).

    Attributes:
        normalise: (B, 3, H, W) from 0 to 1 -> what the tower takes; None where it was not cut.
    """

    def __init__(self, preprocess: Callable[[Image.Image], Tensor]) -> None:
        self.whole = preprocess
        self.steps = list(getattr(preprocess, "transforms", []))
        self.normalise: Normalize | None = None
        ends = tuple(map(type, self.steps[-2:]))
        if len(ends) == 2 and issubclass(ends[0], ToTensor) and issubclass(ends[1], Normalize):
            self.normalise = self.steps[-1]
            self.steps = self.steps[:-2]

    def one(self, picture: Image.Image) -> Tensor:
        """(H, W, 3) uint8, or (3, H, W) float32 where the preprocess could not be cut."""
        if self.normalise is None:
            return self.whole(picture)
        for step in self.steps:
            picture = step(picture)
        return torch.from_numpy(np.array(picture))

    def batch(self, pictures: Tensor, device: torch.device) -> Tensor:
        """Stacked results of ``one`` -> (B, 3, H, W) as the tower takes it, channels last."""
        if device.type == "cuda" and not pictures.is_cuda:
            pictures = pictures.pin_memory().to(device, non_blocking=True)
        if pictures.dtype == torch.uint8:
            # (B, H, W, 3) seen as (B, 3, H, W): the layout that convolutions are fastest on.
            pictures = self.normalise(pictures.permute(0, 3, 1, 2).float().div_(255))
        return pictures.to(device, memory_format=torch.channels_last)
