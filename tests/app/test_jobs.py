"""The queue of training runs: one at a time, in order, stoppable, with plain names."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit_app.jobs import FINISHED, MAX_KEPT, MAX_WAITING, Job, Summary, TrainingQueue, hash_of

SETTINGS = {"epochs": 3}


def keep(run: Path, key: str = "", status: str = "stopped") -> None:
    """A kept run as the trainer leaves it."""
    run.mkdir(parents=True, exist_ok=True)
    told = {"name": run.name, "settings": SETTINGS, "status": status, "epoch": 1}
    told |= {"epochs": [(1, 0.5)], "right": 1, "of": 2, "split": "unseen"}
    summary = Summary(**told, key_hash=hash_of(key) if key else "")
    (run / FINISHED).write_text(summary.model_dump_json())


class Bench:
    """Work that waits until the test lets it go on, and keeps a run as the real one does."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.done: list[str] = []

    def __call__(self, job: Job, out: Path) -> str:
        status = "finished"
        while not self.go.acquire(timeout=0.02):
            if job.stop.is_set():
                status = "stopped"
                break
        if job.name == "broken":
            raise InputError("alpha: 7 is not allowed")
        if job.name == "gone":
            raise FileNotFoundError(2, "No such file or directory", str(out))
        keep(out, job.owner, status)
        self.done.append(job.name)
        return status


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def runs(bench: Bench, tmp_path: Path) -> TrainingQueue:
    return TrainingQueue(bench, tmp_path)


def wait(job: Job, status: str = "training") -> None:
    end = time.monotonic() + 5
    while job.status != status:
        assert time.monotonic() < end, f"{job.name} is {job.status}, not {status}"
        time.sleep(0.01)


def start(runs: TrainingQueue, name: str, owner: str = "secret") -> Job:
    return runs.start("scenes", name, SETTINGS, owner)


def refused(message: str):
    return pytest.raises(InputError, match=message)


def test_one_at_a_time_and_each_knows_its_place(runs: TrainingQueue, bench: Bench) -> None:
    jobs = [start(runs, f"run-{i}") for i in range(3)]
    wait(jobs[0])
    assert [runs.place(job) for job in jobs] == [0, 1, 2]
    assert runs.under_way("secret") is jobs[2]
    assert runs.under_way("") is None
    bench.go.release(3)
    wait(jobs[2], "finished")
    assert bench.done == ["run-0", "run-1", "run-2"]
    assert [run.name for run in runs.kept("scenes")] == bench.done
    assert (runs.place(jobs[2]), runs.under_way("secret")) == (0, None)


def test_runs_are_stopped_by_their_visitor_or_with_the_app(runs: TrainingQueue) -> None:
    first, second, third = (start(runs, name) for name in "abc")
    wait(first)
    runs.halt(second)
    assert (second.status, second.message) == ("stopped", "taken out of the queue")
    runs.halt(first)
    wait(third)
    runs.close(5)
    assert (first.status, third.status) == ("stopped", "stopped")
    assert [run.name for run in runs.kept("scenes")] == ["a", "c"]


def test_a_name_has_one_run(runs: TrainingQueue, bench: Bench, tmp_path: Path) -> None:
    cut_off = tmp_path / "scenes" / "mine" / "checkpoints"
    cut_off.mkdir(parents=True)  # by a kill: nobody can see it, and its name is free
    assert runs.kept("scenes") == []
    first, named = start(runs, "mine"), ("scenes", "mine", "secret")
    wait(first)
    assert not cut_off.exists()
    for ask, given in ((start, (runs, "mine")), (runs.go_on, named), (runs.remove, named)):
        with refused("is under way"):
            ask(*given)
    bench.go.release()
    wait(first, "finished")
    with refused("is there already"):
        start(runs, "mine")
    with refused("nothing to go on with"):
        runs.go_on(*named)
    runs.remove(*named)
    with refused("no run named 'mine' is kept"):
        runs.remove(*named)


def test_a_stopped_run_goes_on_though_no_more_are_kept(
    runs: TrainingQueue, bench: Bench, tmp_path: Path
) -> None:
    for i in range(MAX_KEPT):
        keep(tmp_path / "scenes" / f"run-{i}", "secret")
    with refused("remove one first"):
        start(runs, "new")
    job = runs.go_on("scenes", "run-0", "secret")
    assert job.settings == SETTINGS | {"resume": True}
    bench.go.release()
    wait(job, "finished")


def test_so_many_may_wait(runs: TrainingQueue) -> None:
    wait(start(runs, "first"))
    for i in range(MAX_WAITING):
        start(runs, f"w{i}")
    with refused("waiting already"):
        start(runs, "more")
    runs.close(5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "alpha: 7 is not allowed"),
        ("gone", "the run's files can't be read or written (No such file or directory)"),
    ],
)
def test_a_failed_run_says_why_and_the_next_one_runs(
    runs: TrainingQueue, bench: Bench, capfd: pytest.CaptureFixture, name: str, message: str
) -> None:
    failed, good = start(runs, name), start(runs, "good")
    bench.go.release(2)
    wait(good, "finished")
    assert (failed.status, failed.message) == ("failed", message)
    assert not capfd.readouterr().err


@pytest.mark.parametrize("name", ["", "../x", "A", "-a", "a" * 41, "a.b", "a\n"])
def test_names_are_plain_words(runs: TrainingQueue, name: str) -> None:
    with refused("small letters, digits and hyphens"):
        start(runs, name)


@pytest.mark.parametrize("key", ["", "0" * 32, "\ud83d"])
@pytest.mark.parametrize("owner", ["secret", ""])
def test_only_the_owner_goes_on_or_removes(
    runs: TrainingQueue, tmp_path: Path, owner: str, key: str
) -> None:
    keep(tmp_path / "scenes" / "mine", owner)
    for ask in (runs.go_on, runs.remove):
        with refused("only the browser that started it"):
            ask("scenes", "mine", key)
    assert "secret" not in (tmp_path / "scenes" / "mine" / FINISHED).read_text()


@pytest.mark.parametrize("text", ["", "[]", '{"name": "mine"}', "\0"])
def test_a_broken_summary_is_one_line(runs: TrainingQueue, tmp_path: Path, text: str) -> None:
    keep(tmp_path / "scenes" / "mine", "secret")
    (tmp_path / "scenes" / "mine" / FINISHED).write_text(text)
    assert runs.kept("scenes") == []
    with refused(r"'mine': its finished.json can't be read"):
        runs.go_on("scenes", "mine", "secret")
