"""Maps of many: neighbours by cells, placing among landmarks, progress, cancel, GPU or CPU."""

from __future__ import annotations

import logging
import sys
from io import StringIO
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from glasskit.analysis import fitting, landmarks, maps
from glasskit.analysis.landmarks import Stages, cell_neighbours, landmark_fit, memberships, place
from glasskit.analysis.maps import place_new, project
from glasskit.models.vectors import unit


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))


def clouds(n: int = 600, seed: int = 0) -> np.ndarray:
    """(n, 16) unit vectors in a dozen clouds."""
    draw = np.random.default_rng(seed)
    middles = np.random.default_rng(9).normal(size=(12, 16))
    return unit(middles[draw.integers(12, size=n)] + 0.3 * draw.normal(size=(n, 16)))


def all_neighbours(vectors: np.ndarray, k: int) -> np.ndarray:
    scores = vectors.astype(np.float64) @ vectors.T
    np.fill_diagonal(scores, 9)
    return np.argsort(-scores, axis=1)[:, :k]


def test_exact_neighbours_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clouds(200)
    index, distance = fitting.nearest_rows(vectors, 6)
    assert (index == all_neighbours(vectors, 6)).all()
    expected = 1 - np.take_along_axis(vectors @ vectors.T, index.astype(int), axis=1)
    np.testing.assert_allclose(distance, expected, atol=1e-6)
    assert (distance[:, 0] == 0).all()


def test_cells_find_nearly_all_neighbours_and_all_of_them_when_all_are_asked() -> None:
    vectors = clouds()
    centres = np.arange(0, 600, 12)
    exact = all_neighbours(vectors, 8)
    index, distance = cell_neighbours(vectors, centres, 8, candidates=200)
    share = np.mean([len(np.intersect1d(a, b)) / 8 for a, b in zip(index, exact, strict=True)])
    assert share > 0.95
    assert (index[:, 0] == np.arange(600)).all()
    assert (np.diff(distance, axis=1) >= 0).all()
    index, _ = cell_neighbours(vectors, centres, 8, candidates=600)
    assert (index == exact).all()


def test_empty_and_tiny_cells_still_give_k_neighbours() -> None:
    vectors = unit(np.repeat(np.eye(5), [1, 1, 1, 1, 40], axis=0) + 0.01)
    vectors += 1e-3 * np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
    index, _ = cell_neighbours(unit(vectors), np.array([0, 1, 2, 3, 4, 5]), 10, candidates=8)
    assert all(len(set(row)) == 10 for row in index.tolist())


def test_weights_are_umap_s_by_its_own_search_for_the_scale() -> None:
    from umap.umap_ import compute_membership_strengths, smooth_knn_dist

    # umap-learn leaves the first column out of its sum, which aims at log2(k) times a bandwidth:
    # with the nearest put in twice the sums, and so the scales, are the same.
    apart = np.sort(np.random.default_rng(3).uniform(0.1, 0.6, size=(20, 7)), axis=1)
    twice = np.concatenate([apart[:, :1], apart], axis=1).astype(np.float32)
    scale, nearest_one = smooth_knn_dist(twice, 8.0)
    index = np.tile(np.arange(8, dtype=np.int32), (20, 1))
    _, _, theirs, _ = compute_membership_strengths(index, twice, scale, nearest_one, bipartite=True)
    ours = memberships(apart - apart[:, :1])
    np.testing.assert_allclose(ours, theirs.reshape(20, 8)[:, 1:], atol=2e-3)
    np.testing.assert_allclose(ours.sum(axis=1), np.log2(8), atol=1e-4)


def test_a_new_one_is_placed_among_the_nearest_known_ones() -> None:
    known = np.eye(6, dtype=np.float32)
    places = np.array([[0, 0], [2, 0], [0, 4], [9, 9], [9, -9], [-9, 9]], dtype=np.float32)
    assert place(known[:1], known, places, k=1)[0] == pytest.approx([0, 0])
    halfway = unit(known[0] + known[1])[None]
    assert place(halfway, known, places, k=2)[0] == pytest.approx([1, 0], abs=1e-5)


def test_new_pictures_on_a_map() -> None:
    pictures = clouds(300)
    places = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    assert (place_new(3 * pictures[40:44], pictures, places) == places[40:44]).all()
    # A place that only depends on the cloud: a new one of the cloud stands there.
    near = np.argmax(pictures @ clouds(12, seed=9).T, axis=1)
    spots = np.stack([np.cos(near), np.sin(near)], axis=1).astype(np.float32)
    new = clouds(12, seed=9)
    found = place_new(new, pictures, spots)
    expected = np.stack([np.cos(np.arange(12)), np.sin(np.arange(12))], axis=1)
    distance = np.linalg.norm(found - expected, axis=1)
    assert np.median(distance) < 0.2
    assert place_new(np.zeros((0, 16)), pictures, places).shape == (0, 2)


@pytest.mark.slow
def test_landmarks_keep_neighbours_as_a_whole_fit_does_and_are_deterministic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = maps.centred(clouds(900))
    settings = {"neighbours": 15, "min_dist": 0.35, "seed": 0}
    whole = fitting.fit(vectors, **settings)
    found = landmark_fit(vectors, landmarks=150, **settings)
    full, quick = (
        trustworthiness(vectors, places, n_neighbors=15, metric="cosine")
        for places in (whole, found)
    )
    assert quick > full - 0.02
    assert (landmark_fit(vectors, landmarks=150, **settings) == found).all()
    # project takes this way where there are many.
    monkeypatch.setattr(maps, "LARGE", 900)
    monkeypatch.setattr(landmarks, "LANDMARKS", 150)
    calls: list[tuple[int, int]] = []
    project(vectors, progress=lambda *told: calls.append(told))
    done = [told[0] for told in calls]
    assert done == sorted(done)
    assert {total for _, total in calls} == {300}
    assert done[-1] == 300
    before = len(calls)
    project(vectors, progress=lambda *told: calls.append(told))
    assert len(calls) == before, "a map that is kept is not fitted again"


class CancelledError(Exception):
    """What a caller raises to stop."""


@pytest.mark.slow
def test_after_a_cancelled_fit_other_bars_can_be_drawn() -> None:
    from tqdm import tqdm

    def cancel(done: int, total: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        project(clouds(90), progress=cancel)
    drawn = []
    bar = Thread(target=lambda: drawn.extend(tqdm(range(3), disable=False, file=StringIO())))
    bar.daemon = True
    bar.start()
    bar.join(20)
    assert drawn == [0, 1, 2]


def test_a_fit_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    def cancel(done: int, total: int) -> None:
        if done * 4 >= total:
            raise CancelledError

    with pytest.raises(CancelledError):
        project(clouds(100), progress=cancel)
    assert not list((tmp_path / "maps").glob("*"))


def test_stages_make_one_count() -> None:
    calls: list[tuple[int, int]] = []
    stages = Stages(lambda *told: calls.append(told), 2)
    for number in (0, 1):
        report = stages.stage(number)
        assert report is not None
        report(1, 4)
        report(4, 4)
    assert calls == [(25, 200), (100, 200), (125, 200), (200, 200)]
    assert Stages(None, 2).stage(0) is None


def test_cuml_does_the_work_where_a_gpu_has_it(monkeypatch, caplog) -> None:
    seen = {}

    class StubUMAP:
        def __init__(self, **settings: object) -> None:
            seen.update(settings)

        def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
            return np.asarray(vectors[:, :2])

    stub, manifold = ModuleType("cuml"), ModuleType("cuml.manifold")
    manifold.UMAP = StubUMAP  # type: ignore[attr-defined]
    stub.manifold = manifold  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuml", stub)
    monkeypatch.setitem(sys.modules, "cuml.manifold", manifold)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(maps, "LARGE", 50)  # a GPU fits the whole set at once
    caplog.set_level(logging.INFO, logger="glasskit.analysis.fitting")
    places = project(clouds(60), neighbours=9, seed=4)
    assert places.shape == (60, 2)
    assert (seen["n_neighbors"], seen["metric"], seen["random_state"]) == (9, "cosine", 4)
    assert [record.getMessage() for record in caplog.records] == [
        "map of 60 points: cuML on the GPU"
    ]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert fitting.gpu_umap() is None


def test_without_cuml_there_is_none(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cuml", None)
    monkeypatch.setitem(sys.modules, "cuml.manifold", None)
    assert fitting.gpu_umap() is None


@pytest.mark.slow
def test_compiled_code_is_kept_on_disk() -> None:
    fitting.warm()
    from umap.layouts import _nb_optimize_layout_euclidean_single_epoch as epoch

    assert any(Path(epoch.stats.cache_path).glob("layouts._optimize_layout_euclidean*.nbc"))
