"""Colours of families; names that cover nothing."""

from __future__ import annotations

import numpy as np

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.schema import Concept
from glasskit.plots.style import (
    FAMILY_COLOURS,
    LETTER,
    LINE,
    PLOT,
    family_level,
    label_places,
    level_colours,
    shade,
)


def without_records(*levels: tuple[str | None, ...]) -> GroupedDataset:
    """A data set that is a taxonomy alone."""
    return GroupedDataset("toy", tuple(map(Concept, levels)), (), MissingImages("a toy"))


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
