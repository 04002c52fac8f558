"""The queue of training runs: one at a time, in order, stoppable, with plain names."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from glasskit.errors import InputError
from glasskit_app.jobs import (
    FINISHED,
    MOST_ENDED,
    MOST_KEPT,
    MOST_WAITING,
    Job,
    Summary,
    TrainingQueue,
    hash_of,
)
from glasskit_app.report_tab import Reports

SETTINGS = {"epochs": 3}


def keep(run: Path, key: str = "", status: str = "stopped") -> None:
    """A kept run as the trainer leaves it."""
    run.mkdir(parents=True, exist_ok=True)
    summary = Summary(
        name=run.name,
        settings=SETTINGS,
        status=status,
        epoch=1,
        epochs=[(1, 0.5)],
        right=1,
        of=2,
        split="unseen",
        key_hash=hash_of(key) if key else "",
    )
    (run / FINISHED).write_text(summary.model_dump_json())


class Bench:
    """Work that waits until the test lets it go on, and keeps a run as the real one does."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.done: list[str] = []

    def __call__(self, job: Job, out: Path) -> str:
        job.steps.append((1, 0.5, {}))
        status = "finished"
        while not self.go.acquire(timeout=0.02):
            if job.stop.is_set():
                status = "stopped"
                break
        if job.name == "broken":
            raise InputError("alpha: 7 is not allowed")
        if job.name == "gone":
            raise FileNotFoundError(2, "No such file or directory", str(out))
        keep(out, job.key, status)
        self.done.append(job.name)
        return status


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def runs(bench: Bench, tmp_path: Path) -> TrainingQueue:
    return TrainingQueue(bench, tmp_path)


def until(true, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_one_at_a_time_and_each_knows_its_place(runs: TrainingQueue, bench: Bench) -> None:
    jobs = [runs.start("scenes", f"run-{i}", SETTINGS) for i in range(3)]
    until(lambda: jobs[0].status == "training")
    assert [runs.watch(job.key)["place"] for job in jobs] == [0, 1, 2]
    assert runs.watch(jobs[0].key, 0)["steps"] == [(1, 0.5, {})]
    assert runs.watch(jobs[0].key, 1)["steps"] == []
    for _ in jobs:
        bench.go.release()
    until(lambda: all(job.status == "finished" for job in jobs))
    assert bench.done == ["run-0", "run-1", "run-2"]
    assert [run.name for run in runs.kept("scenes")] == bench.done


def test_stop_a_running_and_a_waiting_job(runs: TrainingQueue) -> None:
    first = runs.start("scenes", "a", SETTINGS)
    second = runs.start("scenes", "b", SETTINGS)
    until(lambda: first.status == "training")
    runs.halt(second.key)
    assert second.status == "stopped"
    runs.halt(first.key)
    until(lambda: first.status == "stopped")
    assert [run.name for run in runs.kept("scenes")] == ["a"]


def test_a_name_is_taken_while_its_run_is_under_way(runs: TrainingQueue, bench: Bench) -> None:
    first = runs.start("scenes", "mine", SETTINGS)
    until(lambda: first.status == "training")
    with pytest.raises(InputError, match="is under way"):
        runs.start("scenes", "mine", SETTINGS)
    bench.go.release()
    until(lambda: first.status == "finished")
    with pytest.raises(InputError, match="is there already"):
        runs.start("scenes", "mine", SETTINGS)


def test_what_was_cut_off_frees_its_name(runs: TrainingQueue, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "scenes" / "mine" / "checkpoints").mkdir(parents=True)
    assert runs.kept("scenes") == []
    again = runs.start("scenes", "mine", SETTINGS)
    bench.go.release()
    until(lambda: again.status == "finished")
    assert not (tmp_path / "scenes" / "mine" / "checkpoints").exists()


def test_a_failed_run_says_why_and_the_next_one_runs(runs: TrainingQueue, bench: Bench) -> None:
    broken = runs.start("scenes", "broken", SETTINGS)
    good = runs.start("scenes", "good", SETTINGS)
    bench.go.release(2)
    until(lambda: good.status == "finished")
    assert (broken.status, broken.message) == ("failed", "alpha: 7 is not allowed")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "a" * 41, "a.b", None, 3])
def test_names_are_plain_words(runs: TrainingQueue, name: object) -> None:
    with pytest.raises(InputError, match="small letters, digits and hyphens"):
        runs.start("scenes", name, SETTINGS)


def test_limits(runs: TrainingQueue, bench: Bench) -> None:
    first = runs.start("scenes", "first", SETTINGS)
    until(lambda: first.status == "training")
    for i in range(MOST_WAITING):
        runs.start("scenes", f"w{i}", SETTINGS)
    with pytest.raises(InputError, match="waiting already"):
        runs.start("scenes", "more", SETTINGS)
    with pytest.raises(InputError, match="not known any more"):
        runs.watch("0" * 32)
    with pytest.raises(InputError, match="since"):
        runs.watch(first.key, -1)
    bench.go.release(MOST_WAITING + 1)
    until(lambda: len(bench.done) == MOST_WAITING + 1)
    with pytest.raises(InputError, match="is there already"):
        runs.start("scenes", "first", SETTINGS)
    runs.remove("scenes", "first", first.key)
    with pytest.raises(InputError, match="no run named"):
        runs.remove("scenes", "first", first.key)


def test_a_run_under_way_cannot_be_removed(runs: TrainingQueue, bench: Bench) -> None:
    first = runs.start("scenes", "first", SETTINGS)
    second = runs.start("scenes", "second", SETTINGS)
    until(lambda: first.status == "training")
    for job in (first, second):
        with pytest.raises(InputError, match="under way"):
            runs.remove("scenes", job.name, job.key)
    runs.halt(second.key)
    runs.halt(first.key)
    until(lambda: first.status == "stopped")
    again = runs.go_on("scenes", "first", first.key)
    assert again.settings == SETTINGS | {"resume": True}
    with pytest.raises(InputError, match="under way"):  # as in a second tab
        runs.go_on("scenes", "first", first.key)
    with pytest.raises(InputError, match="under way"):
        runs.remove("scenes", "first", first.key)
    bench.go.release()
    until(lambda: again.status == "finished")
    with pytest.raises(InputError, match="nothing to go on with"):
        runs.go_on("scenes", "first", first.key)


@pytest.mark.parametrize("key", ["", "0" * 32, None, 3, ["x"], "\ud83d"])
@pytest.mark.parametrize("owner", ["secret", ""])
def test_only_the_owner_goes_on_or_removes(
    runs: TrainingQueue, tmp_path: Path, owner: str, key: object
) -> None:
    keep(tmp_path / "scenes" / "mine", owner)
    for ask in (runs.go_on, runs.remove):
        with pytest.raises(InputError, match="only the browser that started it"):
            ask("scenes", "mine", key)
    assert [run.name for run in runs.kept("scenes")] == ["mine"]
    assert owner not in (tmp_path / "scenes" / "mine" / FINISHED).read_text() or not owner


def test_going_on_needs_no_place_among_the_kept(
    runs: TrainingQueue, bench: Bench, tmp_path: Path
) -> None:
    for i in range(MOST_KEPT):
        keep(tmp_path / "scenes" / f"run-{i}", "secret")
    with pytest.raises(InputError, match="remove one first"):
        runs.start("scenes", "new", SETTINGS)
    job = runs.go_on("scenes", "run-0", "secret")
    bench.go.release()
    until(lambda: job.status == "finished")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "mine"}', "\0"])
def test_a_broken_summary_is_one_line(runs: TrainingQueue, tmp_path: Path, text: str) -> None:
    keep(tmp_path / "scenes" / "mine", "secret")
    (tmp_path / "scenes" / "mine" / FINISHED).write_text(text)
    assert runs.kept("scenes") == []
    for ask in (runs.go_on, runs.remove):
        with pytest.raises(InputError, match=r"'mine': its finished.json can't be read"):
            ask("scenes", "mine", "secret")
        with pytest.raises(InputError, match="no run named 'other' is kept"):
            ask("scenes", "other", "secret")


def test_files_that_are_gone_are_one_line(
    runs: TrainingQueue, bench: Bench, capfd: pytest.CaptureFixture
) -> None:
    job = runs.start("scenes", "gone", SETTINGS)
    bench.go.release()
    until(lambda: job.status == "failed")
    assert job.message == "the run's files can't be read or written (No such file or directory)"
    assert not capfd.readouterr().err


def test_ended_jobs_are_forgotten(runs: TrainingQueue, bench: Bench) -> None:
    first = runs.start("scenes", "first", SETTINGS)
    until(lambda: first.status == "training")
    for i in range(MOST_ENDED + 5):
        waiting = runs.start("scenes", f"w{i}", SETTINGS)
        runs.halt(waiting.key)
    runs.start("scenes", "last", SETTINGS)
    assert runs.watch(first.key)["status"] == "training"
    assert len(runs._jobs) <= MOST_ENDED + 2


def test_an_app_that_ends_stops_its_runs(runs: TrainingQueue) -> None:
    first = runs.start("scenes", "first", SETTINGS)
    second = runs.start("scenes", "second", SETTINGS)
    until(lambda: first.status == "training")
    runs.close(5)
    assert (first.status, second.status) == ("stopped", "stopped")
    assert [run.status for run in runs.kept("scenes")] == ["stopped"]


def test_a_report_of_a_run_that_is_removed_is_one_line(
    runs: TrainingQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    own = tmp_path / "own"
    for run in (own, tmp_path / "scenes" / "mine", tmp_path / "scenes" / "untrained"):
        keep(run, "secret")
        (run / "model.safetensors").touch()
    maps = SimpleNamespace(name="scenes", run=own)
    reports = Reports(SimpleNamespace(maps=lambda name: maps), runs)

    def write(*given: object) -> None:
        runs.remove("scenes", "mine", "secret")
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(reports, "_write", write)
    for names, message in (
        ([{}], "no run named {} is kept"),
        (["mine", "mine"], "has a model named 'mine' already"),
        (["untrained"], "has a model named 'untrained' already"),
        (["mine"], "run 'mine' was removed meanwhile"),
        (["mine"], "no run named 'mine' is kept"),
    ):
        with pytest.raises(InputError, match=message):
            reports.make("scenes", names)
