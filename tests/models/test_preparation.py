"""A preprocess in two parts gives what the whole one gives."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from glasskit.models import GlassModel
from glasskit.models.preparation import Preparation

CPU = torch.device("cpu")


def test_a_batch_is_what_the_preprocess_makes_of_each(lite0: GlassModel) -> None:
    rng = np.random.default_rng(0)
    shapes = [(260, 240 + 40 * i, 3) for i in range(4)] + [(100, 90, 3), (224, 224, 3)]
    pictures = [Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]
    prepare = Preparation(lite0.preprocess)
    assert prepare.normalise is not None
    ones = torch.stack([prepare.one(picture) for picture in pictures])
    assert (ones.shape, ones.dtype) == ((6, 224, 224, 3), torch.uint8)
    expected = torch.stack([lite0.preprocess(picture) for picture in pictures])
    assert torch.equal(prepare.batch(ones, CPU), expected)


def test_a_preprocess_of_another_kind_is_used_as_it_is() -> None:
    prepare = Preparation(lambda picture: torch.full((3, 2, 2), float(picture.width)))
    assert prepare.normalise is None
    ones = torch.stack([prepare.one(Image.new("RGB", (n, 1))) for n in (3, 4)])
    assert prepare.batch(ones, CPU)[:, 0, 0, 0].tolist() == [3, 4]
