"""The sketch against the singular value decomposition."""

from __future__ import annotations

import numpy as np

from glasskit.latent.maps import centred
from glasskit.latent.sketch import sketch


def some(n: int = 60, width: int = 12) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (rng.normal(size=(n, width)) * np.linspace(3, 0.2, width)).astype(np.float32)


def test_directions_are_the_first_two_principal_ones() -> None:
    rows = some()
    left, size, _ = np.linalg.svd(centred(rows).astype(np.float64), full_matrices=False)
    wanted = left[:, :2] * size[:2]
    found = sketch(rows)
    inner = np.linalg.norm(found, axis=1) < 1  # farther ones are drawn in
    assert inner.sum() > 30
    for axis in range(2):
        assert abs(np.corrcoef(found[inner, axis], wanted[inner, axis])[0, 1]) > 0.9999
    spread = found[inner].std(axis=0) / wanted[inner].std(axis=0)
    assert np.isclose(*spread, rtol=1e-3), "both axes have one scale"


def test_turned_to_lie_near_to_where_it_starts_from() -> None:
    rows = some()
    first = sketch(rows)
    turned = first @ np.array([[0, 1], [-1, 0]], np.float32)
    assert np.abs(sketch(rows, turned) - turned).max() < 0.1


def test_one_picture_and_one_number_have_a_place() -> None:
    assert sketch(some(1)).shape == (1, 2)
    assert sketch(some(5, 1)).shape == (5, 2)
    assert np.isfinite(sketch(some(1))).all()
