"""The cost of a large run, against numbers worked out by hand."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from glasskit.cli import app
from glasskit.errors import InputError
from glasskit.training import cost
from tests.benchmarks.__main__ import REPORT
from tests.benchmarks.report import read


def test_a_plan_is_what_the_rates_say() -> None:
    setting = cost.Setting(
        rate=100.0, machines=4, kilobytes=50, shard_size=1000, gpu="A100", gpus=8
    )
    got = cost.plan("a", 3_600_001, setting)
    assert got.machine_hours == pytest.approx(3_600_001 / 360_000)
    assert got.hours == pytest.approx(got.machine_hours / 4)
    assert (got.features, got.vectors) == (3_600_001 * 5120, 3_600_001 * 1536)
    assert (got.shards, got.tars) == (3_600_001 * 50_000, 3601)
    assert got.memory == 3_600_001 * cost.RECORD_BYTES
    # 10 epochs x 14.8 GFLOP x 3, at 104 TFLOP a second on each of 8
    assert got.train_hours == pytest.approx(36_000_010 * 44.4e9 / 104e12 / 8 / 3600)


def test_the_two_halves_of_an_epoch() -> None:
    assert cost.reading_seconds(6600, cores=2, rate=330) == pytest.approx(10)
    assert cost.arithmetic_seconds(1e6, "T4") == pytest.approx(1e6 * 44.4e9 * 3 / 65e12)
    with pytest.raises(InputError, match="GPU 'B9': choose one of T4, L4, A100, H100"):
        cost.arithmetic_seconds(1, "B9")


def test_the_rates_are_those_that_the_kept_report_measured() -> None:
    """Within a half: the two kept runs lie that far apart, a rate from an older kit farther."""
    rows = {row.name: row for row in read(REPORT)["embedding"].rows}
    measured = {name: 1 / row.seconds for name, row in rows.items()}
    assert measured["from JPEG files, end to end"] == pytest.approx(cost.CPU_RATE, rel=1 / 2)
    both_cores = measured["decoding and resizing alone"]
    assert both_cores / 2 == pytest.approx(cost.READ_RATE, rel=1 / 2)


@pytest.mark.parametrize(
    ("text", "number"),
    [("118k", 118_000), ("12.4M", 12_400_000), ("2B", 2 * 10**9), ("1,024", 1024)],
)
def test_numbers_as_people_write_them(text: str, number: int) -> None:
    assert cost.count_of(text) == number


@pytest.mark.parametrize("text", ["", "0", "many", "12 thousand", "-5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write 118287, 118k, 12M or 2B"):
        cost.count_of(text)


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.01, "0.6 min"),
        (0.5, "30 min"),
        (2.25, "2.2 h"),
        (47, "47 h"),
        (480, "20 days"),
        (17532, "2.0 years"),
    ],
)
def test_durations_read_as_people_say_them(hours: float, text: str) -> None:
    assert cost.duration(hours) == text


def test_the_command_says_what_is_measured_and_what_is_assumed(tmp_path) -> None:
    file = tmp_path / "plan.json"
    wide = {"COLUMNS": "200"}
    done = CliRunner().invoke(app, ["plan", "--json", str(file)], env=wide)
    assert done.exit_code == 0, done.output
    for word in (*cost.COLLECTIONS, "measured: 2 cores", "an assumption, not measured"):
        assert word in done.output
    assert len(json.loads(file.read_text())["plans"]) == 4
    own = CliRunner().invoke(app, ["plan", "--pictures", "12M", "--rate", "900"], env=wide).output
    assert "your measurement" in own
    assert "measured: 2 cores" not in own
    assert "12,000,000" in own
