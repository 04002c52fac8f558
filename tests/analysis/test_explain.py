"""Reasons: groups by hand, heat where the colour is, class words of the built-in head."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from glasskit.analysis.explain import class_words, heat_map, overlay
from glasskit.errors import InputError
from tests.analysis.toys import ColourModel


class GridModel(ColourModel):
    """Sees a picture as a grid of 2 x 2 mean colours."""

    image_head = object()

    def pixels(self, images: list[Image.Image]) -> torch.Tensor:
        small = [image.resize((2, 2), Image.Resampling.BOX) for image in images]
        return torch.tensor(np.stack([np.asarray(x, np.float32) / 255 for x in small]))

    def patch_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.flatten(1, 2)


def test_heat_is_where_the_colour_is() -> None:
    picture = Image.new("RGB", (40, 40), (0, 0, 255))
    picture.paste((255, 0, 0), (20, 0, 40, 20))
    heat = heat_map(GridModel(), picture, np.array([1.0, 0, 0]))
    assert heat.round(3).tolist() == [[0, 1], [0, 0]]


def test_a_model_without_class_words_says_so() -> None:
    with pytest.raises(InputError, match="reads no class words"):
        class_words(GridModel(), Image.new("RGB", (8, 8)))


def test_overlay_lights_the_hot_place() -> None:
    picture = Image.new("RGB", (80, 60), (200, 120, 40))
    lit = np.asarray(overlay(picture, np.array([[0.0, 1.0], [0.0, 0.0]]), 40)).sum(axis=2)
    assert lit.shape == (40, 40)
    assert lit[2, 37] > 1.8 * lit[37, 2]
