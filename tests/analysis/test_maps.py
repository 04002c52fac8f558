"""Maps: kept by content, the same each time, words and new pictures among their pictures."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
from tqdm.auto import tqdm

from glasskit.analysis import maps
from glasskit.analysis.maps import align, draw_in, fit_to_unit, place_new, place_words, project
from glasskit.models.vectors import unit


def clusters(seed: int = 0) -> np.ndarray:
    """(60, 8): three tight groups of 20."""
    draw = np.random.default_rng(seed)
    middles = np.repeat(np.eye(8)[:3], 20, axis=0)
    return (middles + 0.1 * draw.normal(size=(60, 8))).astype(np.float32)


@pytest.mark.slow
def test_umap_keeps_groups_together_is_deterministic_and_cached(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    vectors, told = clusters(), []
    places = project(vectors, progress=lambda *seen: told.append(seen))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert places.shape == (60, 2)
    assert places.dtype == np.float32
    assert 0.9 < np.linalg.norm(places, axis=1).max() < 1.5
    middles = places.reshape(3, 20, 2).mean(axis=1)
    own = np.linalg.norm(places.reshape(3, 20, 2) - middles[:, None], axis=2).max()
    apart = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > 2 * own

    (kept,) = (cache / "maps").glob("*.npz")
    kept.unlink()
    assert (project(vectors) == places).all()

    def no_umap(*_: object) -> np.ndarray:
        raise AssertionError("a map that is kept must not be fitted again")

    monkeypatch.setattr(maps, "fit_umap", no_umap)
    assert (project(vectors) == places).all()
    with pytest.raises(AssertionError):
        project(vectors, seed=1)


@pytest.mark.slow
def test_a_map_that_is_cancelled_stops_no_later_bar() -> None:
    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        project(clusters(), progress=cancel)
    later = threading.Thread(target=lambda: list(tqdm(range(2), file=io.StringIO())), daemon=True)
    later.start()
    later.join(30)
    assert not later.is_alive()


def test_far_places_are_drawn_in_along_their_ray() -> None:
    drawn = draw_in(np.array([[0.3, -0.4], [0.0, 1.0], [3 * np.e, 4 * np.e]], dtype=np.float32))
    near = 1 + (np.log(5) + 1) / 3
    expected = [[0.3, -0.4], [0.0, 1.0], [0.6 * near, 0.8 * near]]
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)


def test_a_broken_file_counts_as_not_there(cache: Path) -> None:
    vectors = np.eye(3, dtype=np.float32)
    first = project(vectors)  # three pictures stand in a row without UMAP
    (kept,) = (cache / "maps").glob("*.npz")
    kept.write_bytes(b"PK\x03\x04 cut off")
    assert (project(vectors) == first).all()
    assert not list((cache / "maps").glob(".*"))
    assert np.isfinite(project(vectors[:1])).all()


def test_align_undoes_a_turn_a_mirror_and_a_scale() -> None:
    target = np.random.default_rng(2).normal(size=(30, 2))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]) @ np.diag([1, -1])
    assert align(3 * target @ turn + [5, -2], target) == pytest.approx(target, abs=1e-5)
    assert fit_to_unit(target * 9 + 4).mean(axis=0) == pytest.approx([0, 0], abs=1e-5)


def test_a_word_stands_among_the_pictures_nearest_to_it() -> None:
    pictures = clusters()
    places = np.repeat([[0.0, 0], [1, 0], [0, 1]], 20, axis=0).astype(np.float32)
    found = place_words(np.eye(8)[[1, 2]], pictures, places, k=5)
    assert found == pytest.approx(np.array([[1, 0], [0, 1]]), abs=1e-6)
    assert place_words(np.zeros((0, 8)), pictures, places).shape == (0, 2)


def test_word_weights_by_hand() -> None:
    # Seen from their mean, the pictures of the first axis are at cosine 1 and -1 to the word:
    # deviation 1, so that with k = 2 the weights are 1 and e^-2 before they are made to sum to 1.
    pictures = np.array([[1.0, 0], [-1, 0]])
    places = np.array([[0.0, 0], [1, 0]], dtype=np.float32)
    far = np.exp(-2) / (1 + np.exp(-2))
    assert place_words(np.array([[2.0, 0]]), pictures, places, k=2)[0] == pytest.approx([far, 0])


def test_new_pictures_stand_among_those_of_the_map() -> None:
    draw = np.random.default_rng(9)
    middles = draw.normal(size=(12, 16))
    pictures = unit(np.repeat(middles, 25, axis=0) + 0.3 * draw.normal(size=(300, 16)))
    places = draw.normal(size=(300, 2)).astype(np.float32)
    assert (place_new(3 * pictures[40:44], pictures, places) == places[40:44]).all()
    # A place that only depends on the cloud: a new one of the cloud stands there.
    spots = np.stack([np.cos(np.arange(12)), np.sin(np.arange(12))], axis=1)
    found = place_new(middles, pictures, np.repeat(spots, 25, axis=0))
    assert np.median(np.linalg.norm(found - spots, axis=1)) < 0.1
    assert place_new(np.zeros((0, 16)), pictures, places).shape == (0, 2)
