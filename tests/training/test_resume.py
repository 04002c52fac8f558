"""No step is ever lost: killed anywhere, a run comes to the same weights, bit for bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from glasskit.training import read_log
from tests.training.workers import fingerprint, finish, run_toy, start, start_world

RUN = {
    "epochs": 3,
    "checkpoint_every": 2,
    "feature_dropout": 0.2,
    "ema": 0.9,
    "learn_temperature": True,
    "weight_decay": 0.1,
}
KILLS = 20


def numbers(out: Path) -> list[dict[str, Any]]:
    """The log without what a clock says."""
    clock = ("time", "pairs_per_second")
    return [
        {k: v for k, v in line.items() if k not in clock} for line in read_log(out / "log.jsonl")
    ]


def wait_for_lines(out: Path, lines: int, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while len(read_log(out / "log.jsonl")) < lines:
        assert time.monotonic() < end, f"{out} did not reach {lines} lines"
        time.sleep(0.001)


def test_killed_at_20_random_points_the_final_weights_are_the_same(tmp_path):
    whole = tmp_path / "whole"
    process = start(whole, **RUN)
    wait_for_lines(whole, 1)
    began = time.monotonic()
    finish(process)
    length = time.monotonic() - began
    expected = fingerprint(whole)
    rng = random.Random(0)
    lines = len(read_log(whole / "log.jsonl"))
    kills, reached = 0, []
    while kills < KILLS:
        out = tmp_path / f"run{len(reached)}"
        process = start(out, **RUN)
        wait_for_lines(out, rng.randrange(1, lines - 2))
        time.sleep(rng.uniform(0, length / lines))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        reached.append(len(read_log(out / "log.jsonl")))
        run_toy(out, **RUN, resume=True)
        assert fingerprint(out) == expected
        assert numbers(out) == numbers(whole)
    assert len(set(reached)) > KILLS // 3, "the kills did not spread over the run"


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "full", "tower_dropout": 0.5},
        {"mode": "full", "accumulate": 2},
        {"objective": "conclip", "accumulate": 2},
    ],
    ids=["full", "full in parts", "features dropped"],
)
def test_two_processes_give_the_curve_of_one(tmp_path, settings):
    one, two = tmp_path / "one", tmp_path / "two"
    settings = {"epochs": 1, "learn_temperature": True, **settings}
    run_toy(one, **settings)
    finish(*start_world(2, two, **settings))
    same_curve(one, two)


def same_curve(one: Path, two: Path, tolerance: float = 1e-5) -> None:
    for first, second in zip(numbers(one), numbers(two), strict=True):
        if "loss" in first:
            assert second["loss"] == pytest.approx(first["loss"], abs=tolerance)
            assert second["parts"] == pytest.approx(first["parts"], abs=tolerance)
            assert second["temperature"] == pytest.approx(first["temperature"], abs=tolerance)
        else:
            assert second["val"] == pytest.approx(first["val"], abs=tolerance)


def test_two_processes_give_the_curve_of_one_and_survive_kills(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    plain = {"epochs": 2, "checkpoint_every": 2, "learn_temperature": True, "objective": "grouped"}
    run_toy(one, **plain)
    finish(*start_world(2, two, **plain))
    same_curve(one, two)
    expected = fingerprint(two)
    rng, lines = random.Random(1), len(numbers(two))
    for kill in range(3):
        out = tmp_path / f"killed{kill}"
        processes = start_world(2, out, **plain)
        wait_for_lines(out, rng.randrange(1, lines - 2))
        for process in processes[kill % 2 :]:  # both, or the second alone, which ends the first
            process.kill()
        for process in processes:
            process.join(60)
            assert process.exitcode not in (0, None)
        shutil.copytree(out, tmp_path / f"alone{kill}")
        finish(*start_world(2, out, **plain, resume=True))
        assert fingerprint(out) == expected
    alone = tmp_path / "alone0"  # what two processes began, one goes on with
    run_toy(alone, **plain, resume=True)
    same_curve(one, alone)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_everything_and_stops_cleanly(tmp_path, number):
    out, whole = tmp_path / "stopped", tmp_path / "whole"
    run = {**RUN, "epochs": 10, "checkpoint_every": 0}
    process = start(out, **run)
    wait_for_lines(out, 5)
    os.kill(process.pid, number)
    finish(process)
    kept = sorted((out / "checkpoints").glob("*"))
    assert kept[-1].suffix == ".safetensors"
    stopped_at = int(kept[-1].stem.removeprefix("step-"))
    assert stopped_at == read_log(out / "log.jsonl")[-1]["step"] < 10 * 5
    run_toy(out, **run, resume=True)
    run_toy(whole, **run)
    assert fingerprint(out) == fingerprint(whole)
