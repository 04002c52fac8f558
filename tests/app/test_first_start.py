"""A first start: what is built before visitors are let in, and what is put in its place behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from glasskit.errors import InputError
from glasskit_app import build, exhibit_store, finish
from glasskit_app.build import SAID
from glasskit_app.exhibit import Exhibit
from glasskit_app.museum import Museum
from glasskit_app.progress import Progress
from tests.benchmarks.many import NAME, exhibit

RECIPE: dict[str, object] = {"seed": 0}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shown() -> Exhibit:
    return exhibit(400)


@pytest.fixture
def trainings(shown: Exhibit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every training that was asked for; the cache is empty and UMAP is stood in for."""
    asked: list[Path] = []

    def build_vectors(dataset, recipe, out: Path, progress, *, busy: int) -> dict[str, np.ndarray]:
        asked.append(out)
        return {
            f"{side}_{kind}vectors": getattr(shown.view(side).embedding, name)
            for side in ("before", "after")
            for kind, name in (("", "picture"), ("caption_", "caption"), ("concept_", "concept"))
        }

    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "build_vectors", build_vectors)
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


def test_training_leaves_cores_to_those_who_draw(
    shown: Exhibit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def stops(*arguments: object) -> None:
        seen.append(torch.get_num_threads())
        raise InputError("picture 7 is broken")

    monkeypatch.setattr(build, "_vectors", stops)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        for busy in (0, 1, 9):
            with pytest.raises(InputError, match="picture 7"):
                build.build_vectors(shown.dataset, RECIPE, tmp_path, Progress(), busy=busy)
            assert torch.get_num_threads() == 4, "as it was, for whoever comes next"
    finally:
        torch.set_num_threads(before)
    assert seen == [4, 3, 1]


def test_another_recipe_is_another_exhibit(shown: Exhibit, trainings: list[Path]) -> None:
    exhibit_store.open_exhibit(shown.dataset, RECIPE, Progress())
    exhibit_store.open_exhibit(shown.dataset, RECIPE | {"seed": 1}, Progress())
    assert len(set(trainings)) == 2


def told(*lines: str, code: int = 0):
    """A command whose process says these lines and ends with a code."""

    def command(pending, recipe) -> list[str]:
        program = f"import sys; print({chr(10).join(lines)!r}); sys.exit({code})"
        return [sys.executable, "-S", "-c", program]

    return command


def pending(shown: Exhibit) -> list[finish.Pending]:
    return [finish.Pending(shown.dataset, NAME, None)]


def test_a_stored_sketch_is_shown_at_the_next_start(shown: Exhibit, trainings: list[Path]) -> None:
    data = shown.dataset
    assert exhibit_store.stored_exhibit(data, RECIPE, draft=True) is None
    first = exhibit_store.open_exhibit(data, RECIPE, Progress(), maps=False)
    again = exhibit_store.stored_exhibit(data, RECIPE, draft=True)
    assert again is not None
    assert again.draft
    assert (again.after.picture == first.after.picture).all()
    assert len(trainings) == 1


def test_what_is_coming_says_so_until_it_is_there(
    shown: Exhibit, monkeypatch: pytest.MonkeyPatch
) -> None:
    museum = Museum([], coming=[NAME])
    assert museum.unfinished() == [NAME]
    with pytest.raises(InputError, match="still being built"):
        museum.exhibit(NAME)
    with pytest.raises(InputError, match="choose many"):
        museum.exhibit("other")
    stages = [replace(shown, draft=True), shown]
    seen = []

    def stored(data, recipe, draft: bool) -> Exhibit:
        assert draft
        seen.append(museum.unfinished())
        return stages[len(seen) - 1]

    monkeypatch.setattr(finish, "stored_exhibit", stored)
    command = told(f'{SAID}[0, "sketched"]', "[1, 2]", f'{SAID}[0, "drawn"]')
    finish.finish(museum, pending(shown), RECIPE, Progress(), command)
    assert museum.exhibit(NAME) is shown
    assert seen == [[NAME], [NAME]]
    assert museum.unfinished() == []


def test_what_cannot_be_built_says_why(shown: Exhibit) -> None:
    museum, progress = Museum([], coming=[NAME]), Progress()
    command = told(f'{SAID}[0, "failed", "picture 7 is broken"]', code=2)
    finish.finish(museum, pending(shown), RECIPE, progress, command)
    with pytest.raises(InputError, match="could not be built: picture 7 is broken"):
        museum.exhibit(NAME)
    assert museum.unfinished() == []
    assert all(step["finished"] for step in progress.state()["steps"])


def test_a_process_that_stops_is_told(shown: Exhibit) -> None:
    museum = Museum([], coming=[NAME])
    finish.finish(museum, pending(shown), RECIPE, Progress(), told(code=1))
    with pytest.raises(InputError, match="could not be built: it stopped"):
        museum.exhibit(NAME)


def test_a_sketch_stays_where_the_map_fails(shown: Exhibit) -> None:
    sketched = replace(shown, draft=True)
    museum = Museum([sketched])
    assert museum.unfinished() == [NAME]
    command = told(f'{SAID}[0, "failed", "no room on the disk"]', code=2)
    finish.finish(museum, pending(shown), RECIPE, Progress(), command)
    assert museum.exhibit(NAME) is sketched


def test_the_process_goes_on_where_one_cannot_be_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []
    monkeypatch.setattr(build, "compile_behind", lambda: False)
    monkeypatch.setattr(
        build,
        "open_exhibit",
        lambda data, recipe, told, maps: opened.append((data.name, maps)),
    )
    assert build.main("{}", '["no-such-set", null]', '["scenes", null]') == 2
    lines = capsys.readouterr().out.splitlines()
    said = [json.loads(line.removeprefix(SAID)) for line in lines]
    assert said[0][:2] == [0, "failed"]
    assert "no-such-set" in said[0][2]
    assert said[1:] == [[1, "sketched"], [1, "drawn"]]
    assert opened == [("scenes", False), ("scenes", True)]


PARENT = """
import os, subprocess, sys
child = (
    "import os, sys; from glasskit_app import build; print(os.getpid(), flush=True); "
    "build._end_with(int(sys.argv[1]))"
)
subprocess.Popen([sys.executable, "-c", child, str(os.getpid())])
sys.stdin.read()
"""


def test_nobody_works_for_an_app_that_was_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        child = int(parent.stdout.readline())
        os.kill(child, 0)  # it is there
        parent.kill()
        parent.wait()
        # The pipe ends once the child, who holds its other end, has gone.
        assert parent.stdout.read() == ""


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
