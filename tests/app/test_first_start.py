"""A first start: what is built before visitors are let in, and what is put in its place behind."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import app.build
from app import exhibit_store, finish
from app.exhibit import Exhibit
from app.museum import Museum
from app.progress import Progress
from glasskit.errors import InputError
from tests.benchmarks.many import NAME, exhibit

RECIPE: dict[str, object] = {"seed": 0}


@pytest.fixture
def shown() -> Exhibit:
    return exhibit(400)


@pytest.fixture
def trainings(shown: Exhibit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every training that was asked for; the cache is empty and UMAP is stood in for."""
    asked: list[Path] = []

    def build_vectors(dataset, recipe, out: Path, progress) -> dict[str, np.ndarray]:
        asked.append(out)
        return {
            f"{side}_{kind}vectors": getattr(shown.view(side).embedding, name)
            for side in ("before", "after")
            for kind, name in (("", "picture"), ("caption_", "caption"), ("concept_", "concept"))
        }

    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(app.build, "build_vectors", build_vectors)
    monkeypatch.setattr(
        exhibit_store, "project", lambda rows, start=None: np.tile(rows[:, :1], (1, 2))
    )
    return asked


def test_a_sketch_first_and_the_map_without_a_second_training(
    shown: Exhibit, trainings: list[Path]
) -> None:
    data = shown.dataset
    assert exhibit_store.stored_exhibit(data, RECIPE) is None
    first = exhibit_store.open_exhibit(data, RECIPE, Progress(), maps=False)
    assert first.draft
    assert np.isfinite(first.before.picture).all()
    assert exhibit_store.stored_exhibit(data, RECIPE) is None, "a sketch must not count as done"

    second = exhibit_store.open_exhibit(data, RECIPE, Progress())
    assert not second.draft
    assert len(trainings) == 1
    assert np.allclose(second.before.picture[:, 0], shown.before.embedding.picture[:, 0])
    place = exhibit_store.home(data, RECIPE)
    assert not place.vectors.exists()
    stored = exhibit_store.stored_exhibit(data, RECIPE)
    assert stored is not None
    assert (stored.after.picture == second.after.picture).all()


def test_another_recipe_is_another_exhibit(shown: Exhibit, trainings: list[Path]) -> None:
    exhibit_store.open_exhibit(shown.dataset, RECIPE, Progress())
    exhibit_store.open_exhibit(shown.dataset, RECIPE | {"seed": 1}, Progress())
    assert len(set(trainings)) == 2


class Told(finish.Pending):
    """Builds by a process that says something and ends with a code."""

    def __init__(self, shown: Exhibit, says: str, code: int) -> None:
        super().__init__(shown.dataset, NAME, None, RECIPE)
        self.line = f"import sys; print({says!r}); sys.exit({code})"

    def command(self) -> list[str]:
        return [sys.executable, "-S", "-c", self.line]


def test_what_is_coming_says_so_until_it_is_there(
    shown: Exhibit, monkeypatch: pytest.MonkeyPatch
) -> None:
    museum = Museum([], coming=[NAME])
    assert museum.unfinished() == [NAME]
    with pytest.raises(InputError, match="still being built"):
        museum.exhibit(NAME)
    with pytest.raises(InputError, match="choose many"):
        museum.exhibit("other")
    monkeypatch.setattr(finish, "stored_exhibit", lambda data, recipe: shown)
    finish.finish(museum, [Told(shown, "", 0)], Progress())
    assert museum.exhibit(NAME) is shown
    assert museum.unfinished() == []


def test_what_cannot_be_built_says_why(shown: Exhibit, monkeypatch: pytest.MonkeyPatch) -> None:
    museum, progress = Museum([], coming=[NAME]), Progress()
    monkeypatch.setattr(finish, "stored_exhibit", lambda data, recipe: None)
    finish.finish(museum, [Told(shown, "picture 7 is broken", 2)], progress)
    with pytest.raises(InputError, match="could not be built: picture 7 is broken"):
        museum.exhibit(NAME)
    assert museum.unfinished() == []
    assert all(step["finished"] for step in progress.state()["steps"])


def test_a_sketch_stays_where_the_map_fails(
    shown: Exhibit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sketched = replace(shown, draft=True)
    museum = Museum([sketched])
    assert museum.unfinished() == [NAME]
    monkeypatch.setattr(finish, "stored_exhibit", lambda data, recipe: None)
    finish.finish(museum, [Told(shown, "no room on the disk", 2)], Progress())
    assert museum.exhibit(NAME) is sketched


def test_a_process_says_what_is_wrong_in_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.build.main("no-such-set", "{}") == 2
    assert "no-such-set" in capsys.readouterr().out.splitlines()[-1]


def test_steps_beside_others_end_by_their_own_count() -> None:
    progress = Progress()
    drawing = progress.step("drawing", beside=True)
    drawing(1, 4)
    progress.step("reading")
    progress.step("training")
    done = {step["text"]: step["finished"] for step in progress.state()["steps"]}
    assert done == {"drawing": False, "reading": True, "training": False}
    drawing(4, 4)
    assert progress.state()["steps"][0]["finished"]
