"""What is kept of a data set that does not come with the app, and when it is made anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit.plots.map_data import SIDES
from glasskit.training import TrainConfig
from glasskit_app import cache
from glasskit_app.state import MODEL, DatasetMaps
from tests.app.toys import made_up


@pytest.fixture
def shown() -> DatasetMaps:
    return made_up(200)


@pytest.fixture
def trainings(shown: DatasetMaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every training that was asked for; the cache is empty, models and UMAP are stood in for."""
    asked: list[Path] = []
    seen = [shown.projection(side).embedding for side in SIDES]

    def train(config: TrainConfig, **given: object) -> None:
        asked.append(Path(config.out))
        Path(config.out).mkdir(parents=True)

    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "train", train)
    monkeypatch.setattr(cache, "open_model", lambda name, start: int(name != MODEL))
    monkeypatch.setattr(cache, "embed", lambda model, data, progress: seen[model])
    monkeypatch.setattr(cache, "warm_probe", lambda *given: None)
    monkeypatch.setattr(cache.maps, "project", lambda *given, **more: shown.before.picture)
    return asked


def test_trained_once_and_anew_where_it_was_cut_off(
    shown: DatasetMaps, trainings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = cache.train

    def cut_off(config: TrainConfig, **given: object) -> None:
        train(config, **given)
        raise InputError("picture 7 is broken")

    monkeypatch.setattr(cache, "train", cut_off)
    with pytest.raises(InputError, match="picture 7"):
        cache.open_maps(shown.dataset, 0)
    monkeypatch.setattr(cache, "train", train)
    first, again = (cache.open_maps(shown.dataset, 0) for _ in range(2))
    assert len(trainings) == 2
    assert first.models[1].path == again.models[1].path
    assert Path(again.models[1].path).is_dir()
    assert (again.after.recognised.rank == shown.after.recognised.rank).all()
