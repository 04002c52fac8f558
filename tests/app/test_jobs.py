"""The queue of training runs: one at a time, in order, stoppable, with plain names."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from glasskit.errors import InputError
from glasskit_app.jobs import FINISHED, MOST_WAITING, Job, Workshop

SETTINGS = {"epochs": 3}


class Bench:
    """Work that waits until the test lets it go on, and keeps a run as the real one does."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.done: list[str] = []

    def __call__(self, job: Job, out: Path) -> None:
        job.steps.append((1, 0.5, {}))
        while not self.go.acquire(timeout=0.02):
            if job.stop.is_set():
                break
        if job.name == "broken":
            raise InputError("alpha: 7 is not allowed")
        out.mkdir(parents=True)
        (out / FINISHED).write_text(json.dumps({"name": job.name}))
        self.done.append(job.name)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def workshop(bench: Bench, tmp_path: Path) -> Workshop:
    return Workshop(bench, tmp_path)


def until(true, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_one_at_a_time_and_each_knows_its_place(workshop: Workshop, bench: Bench) -> None:
    jobs = [workshop.start("scenes", f"run-{i}", SETTINGS) for i in range(3)]
    until(lambda: jobs[0].status == "training")
    assert [workshop.watch(job.key)["place"] for job in jobs] == [0, 1, 2]
    assert workshop.watch(jobs[0].key, 0)["steps"] == [(1, 0.5, {})]
    assert workshop.watch(jobs[0].key, 1)["steps"] == []
    for _ in jobs:
        bench.go.release()
    until(lambda: all(job.status == "finished" for job in jobs))
    assert bench.done == ["run-0", "run-1", "run-2"]
    assert [run["name"] for run in workshop.kept("scenes")] == bench.done


def test_stop_a_running_and_a_waiting_job(workshop: Workshop) -> None:
    first = workshop.start("scenes", "a", SETTINGS)
    second = workshop.start("scenes", "b", SETTINGS)
    until(lambda: first.status == "training")
    workshop.halt(second.key)
    assert second.status == "stopped"
    workshop.halt(first.key)
    until(lambda: first.status == "stopped")
    assert [run["name"] for run in workshop.kept("scenes")] == ["a"]


def test_a_name_is_taken_while_its_run_is_under_way(workshop: Workshop, bench: Bench) -> None:
    first = workshop.start("scenes", "mine", SETTINGS)
    until(lambda: first.status == "training")
    with pytest.raises(InputError, match="is under way"):
        workshop.start("scenes", "mine", SETTINGS)
    bench.go.release()
    until(lambda: first.status == "finished")
    with pytest.raises(InputError, match="is there already"):
        workshop.start("scenes", "mine", SETTINGS)


def test_what_was_cut_off_frees_its_name(workshop: Workshop, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "scenes" / "mine" / "checkpoints").mkdir(parents=True)
    assert workshop.kept("scenes") == []
    again = workshop.start("scenes", "mine", SETTINGS)
    bench.go.release()
    until(lambda: again.status == "finished")
    assert not (tmp_path / "scenes" / "mine" / "checkpoints").exists()


def test_a_failed_run_says_why_and_the_next_one_runs(workshop: Workshop, bench: Bench) -> None:
    broken = workshop.start("scenes", "broken", SETTINGS)
    good = workshop.start("scenes", "good", SETTINGS)
    bench.go.release(2)
    until(lambda: good.status == "finished")
    assert (broken.status, broken.message) == ("failed", "alpha: 7 is not allowed")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "a" * 41, "a.b", None, 3])
def test_names_are_plain_words(workshop: Workshop, name: object) -> None:
    with pytest.raises(InputError, match="small letters, digits and hyphens"):
        workshop.start("scenes", name, SETTINGS)


def test_limits(workshop: Workshop, bench: Bench) -> None:
    first = workshop.start("scenes", "first", SETTINGS)
    until(lambda: first.status == "training")
    for i in range(MOST_WAITING):
        workshop.start("scenes", f"w{i}", SETTINGS)
    with pytest.raises(InputError, match="waiting already"):
        workshop.start("scenes", "more", SETTINGS)
    with pytest.raises(InputError, match="not known any more"):
        workshop.watch("0" * 32)
    with pytest.raises(InputError, match="since"):
        workshop.watch(first.key, -1)
    bench.go.release(MOST_WAITING + 1)
    until(lambda: len(bench.done) == MOST_WAITING + 1)
    with pytest.raises(InputError, match="is there already"):
        workshop.start("scenes", "first", SETTINGS)
    workshop.remove("scenes", "first")
    with pytest.raises(InputError, match="no run named"):
        workshop.remove("scenes", "first")
