"""Colours that differ, for colour-blind eyes too; names that cover nothing; what is stored."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept
from glasskit.plots.style import (
    FAMILY_COLOURS,
    LETTER,
    LINE,
    MIMETYPE,
    PLOT,
    bundle,
    calm,
    family_level,
    label_places,
    level_colours,
    shade,
)

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
EYES = {
    "full": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


def oklab(colour: str, eye: str) -> np.ndarray:
    """Perceptual coordinates (Ottosson 2020) of ``#rrggbb`` as an eye sees it."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(EYES[eye] @ linear, 0, 1)
    cones = (
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    return np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    ) @ np.cbrt(cones)


def without_records(*levels: tuple[str | None, ...]) -> GroupedDataset:
    """A data set that is a taxonomy alone."""
    return GroupedDataset("toy", tuple(map(Concept, levels)), (), MissingImages("a toy"))


@pytest.mark.parametrize("eye", list(EYES))
@pytest.mark.parametrize(("first", "least"), [(6, 0.14), (12, 0.08)])
def test_colours_differ(eye: str, first: int, least: float) -> None:
    seen = {colour: oklab(colour, eye) for colour in FAMILY_COLOURS[:first]}
    close = {(a, b): float(np.linalg.norm(seen[a] - seen[b])) for a, b in combinations(seen, 2)}
    assert min(close.values()) > least, min(close, key=close.get)


def test_shades_stay_in_their_family() -> None:
    data = without_records(*[(f"c{i}", f"m{i}", f"f{i % 6}", "all") for i in range(30)])
    assert family_level(data) == 3
    fine, coarse = level_colours(data, 1), level_colours(data, 3)
    assert len(set(fine.values())) == 30
    assert coarse["f0"] == FAMILY_COLOURS[0]
    assert fine["c0"] == shade(FAMILY_COLOURS[0], -0.3)
    assert fine["c24"] == shade(FAMILY_COLOURS[0], 0.45)


def test_a_level_without_names_has_no_colours() -> None:
    data = without_records(*[(f"c{i}", None, None, None) for i in range(3)])
    assert level_colours(data, 4) == {}
    assert list(level_colours(data, 1)) == ["c0", "c1", "c2"]
    assert family_level(data) == 1


def test_names_of_a_crowd_cover_neither_each_other_nor_a_mark() -> None:
    crowd = np.random.default_rng(0).uniform(0.4, 0.6, size=(10, 2))
    points = np.concatenate([crowd, [[0, 0], [1, 1]]])
    names = [f"a rather long name {i}" for i in range(len(points))]
    middle = points * PLOT + label_places(names, points)
    half = np.array([LETTER * np.array([len(name) for name in names]) / 2, np.full(12, LINE / 2)]).T
    apart = np.abs(middle[:, None] - middle) - half[:, None] - half  # (12, 12, 2), below 0: covers
    assert (apart.max(axis=-1)[~np.eye(12, dtype=bool)] >= -0.2).all()
    to_marks = np.abs(middle[:, None] - points * PLOT) - half[:, None]
    assert (to_marks.max(axis=-1) >= 0).all()
    right, up = label_places(["alone"], np.array([[0.3, 0.4]]))[0]
    assert right == 0 < up


def test_a_figure_is_stored_as_json_with_its_title() -> None:
    stored = bundle(calm(go.Figure(go.Bar(y=[1])), 300, "Half"))
    assert stored["text/plain"] == "Half"
    assert stored[MIMETYPE]["data"][0]["type"] == "bar"
