"""What is kept of a data set that does not come with the app, and when it is made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasskit.errors import InputError
from glasskit.training import TrainConfig
from glasskit_app import cache
from glasskit_app.dataset_maps import SIDES, DatasetMaps
from tests.benchmarks.many import made_up


@pytest.fixture
def shown() -> DatasetMaps:
    return made_up(200)


@pytest.fixture
def trainings(shown: DatasetMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every training that was asked for; the cache is empty, models and UMAP are stood in for."""
    asked: list[Path] = []
    arrays = {}
    for side in SIDES:
        seen = shown.projection(side).embedding
        arrays |= {f"{side}_{kind}": vectors for kind, vectors in vars(seen).items()}
    places = {f"{side}_places": shown.projection(side).picture for side in SIDES}
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "train_run", lambda data, start, recipe, out: asked.append(out))
    monkeypatch.setattr(cache, "trained_copy", lambda start, run: None)
    monkeypatch.setattr(cache, "vectors", lambda *arguments: dict(arrays))
    monkeypatch.setattr(cache, "fit_places", lambda name, made: places)
    return asked


def test_made_once(shown: DatasetMaps, trainings: list[Path]) -> None:
    first, again = (cache.open_maps(shown.dataset, None) for _ in range(2))
    assert len(trainings) == 1
    assert again.run == trainings[0]
    for side in SIDES:
        old, new = first.projection(side), again.projection(side)
        assert (old.picture == new.picture).all()
        assert (new.picture == shown.projection(side).picture).all()
        assert (old.concept == new.concept).all()
        assert np.isfinite(new.caption).all()


def test_other_settings_are_another_run(
    shown: DatasetMaps, trainings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.open_maps(shown.dataset, None)
    cache.open_maps(shown.dataset, None, {"seed": 1})
    # A default that changes with a new version of the kit.
    load = TrainConfig.load
    monkeypatch.setattr(TrainConfig, "load", lambda **given: load(**{"epochs": 7} | given))
    cache.open_maps(shown.dataset, None)
    assert len(set(trainings)) == 3


def test_a_build_that_fails_is_begun_anew(
    shown: DatasetMaps, trainings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: object) -> None:
        raise InputError("picture 7 is broken")

    train_run = cache.train_run
    monkeypatch.setattr(cache, "train_run", stopped)
    with pytest.raises(InputError, match="picture 7"):
        cache.open_maps(shown.dataset, None)
    monkeypatch.setattr(cache, "train_run", train_run)
    cache.open_maps(shown.dataset, None)
    assert len(trainings) == 1
