"""What comes with the app is what the kit would make now: run tests.tools.build_app_data if not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.models import GlassModel, load_model
from glasskit.models.embedding import embed
from glasskit.models.lite0 import TRAINED_RUN
from glasskit.models.loading import trained_copy
from glasskit.training import TrainConfig
from glasskit.training.config import RUNTIME
from glasskit_app import cache
from glasskit_app.jobs import Job
from glasskit_app.state import MODEL, AppState
from glasskit_app.training import train_job
from tests.tools.build_app_data import DATASETS

AGAIN = "the app's data is stale: run python -m tests.tools.build_app_data"

COSINE = 0.995
"""Least cosine of a picture's vector by the bundled head and by one that is trained again: other
processors round otherwise, and the bundled head is float16."""

TOGETHER = 0.45
"""Least mean share of a picture's ten nearest on the map that a map drawn again also has there:
UMAP's places depend on the processor's rounding, its neighbourhoods less; maps of two seeds share
0.59 to 0.73, two that have nothing to do with each other 0.01."""


@pytest.fixture(scope="module")
def start() -> GlassModel:
    return load_model(MODEL)


@pytest.fixture(params=DATASETS)
def dataset(request: pytest.FixtureRequest) -> GroupedDataset:
    return load_dataset(request.param)


def test_made_from_this_data_and_these_settings(dataset: GroupedDataset) -> None:
    assert cache.bundled_places(dataset, cache.RECIPE), AGAIN


def test_every_setting_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset("scenes")
    fields = set(TrainConfig().as_dict()) - {"dataset", *RUNTIME}
    settings = cache.training_settings(dataset, cache.RECIPE)
    assert set(settings) == fields
    assert None not in (settings["lr"], settings["group_size"]), "resolved as a run resolves them"
    usual = cache.settings_key(dataset, cache.RECIPE)
    assert cache.settings_key(dataset, cache.RECIPE | {"epochs": 21}) != usual
    monkeypatch.setattr(cache, "MAP_SETTINGS", (*cache.MAP_SETTINGS[:-1], 0.5))
    assert cache.settings_key(dataset, cache.RECIPE) != usual


@pytest.mark.slow
def test_trained_and_drawn_again(
    dataset: GroupedDataset, start: GlassModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    folder = cache.BUNDLED / dataset.name
    glass = cache.use_glass(dataset, cache.RECIPE)  # trained again in tests/models
    run = TRAINED_RUN if glass else folder
    before, kept = (embed(model, dataset) for model in (start, trained_copy(start, run)))
    if not glass:
        cache.train_run(dataset, start, cache.RECIPE, tmp_path / "run")
        made = embed(trained_copy(start, tmp_path / "run"), dataset)
        for kind in ("picture", "caption", "concept"):
            cosine = (getattr(kept, kind) * getattr(made, kind)).sum(axis=1)
            assert cosine.min() > COSINE, AGAIN
    places = cache.bundled_places(dataset, cache.RECIPE)
    drawn = cache.fit_places(dataset.name, dict(zip(places, (before, kept), strict=True)), {})
    for old, new in zip(map(_around, places.values()), map(_around, drawn.values()), strict=True):
        shared = np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(old, new, strict=True)])
        assert shared > TOGETHER, AGAIN


def _around(places: np.ndarray, k: int = 10) -> np.ndarray:
    """(n, k) the pictures nearest to each on a map."""
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    return np.argsort(apart, axis=1)[:, :k]


@pytest.mark.slow
def test_the_last_epoch_is_shown_also_without_a_validation_split(
    start: GlassModel, tmp_path: Path
) -> None:
    state = AppState([cache.open_maps(load_dataset("coco-ideas"), start)], start, {})
    job = Job("coco-ideas", "two", {"epochs": 2, "dataset": "coco-ideas"}, "")
    train_job(state, job, tmp_path / "two")
    assert job.epoch == job.frame["epoch"] == 2
