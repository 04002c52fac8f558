"""The report of `make bench`: what is written is read again, visits are joined, runs compared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.own_process import asked
from tests.benchmarks.report import (
    ENOUGH,
    Agreement,
    Section,
    Watch,
    agreement_table,
    agreements,
    read,
    write,
)
from tests.benchmarks.table import BenchRow, joined, ratios, rows_in_turns


def section(*taken: float, name: str = "ours") -> Section:
    row = BenchRow("products, 2 x 2", name, (0.4, 0.6, 0.5), taken, "products", 2**20, "on paper")
    return Section("two cores", 1.5, (row, BenchRow("products, 2 x 2", "peer", note="not run")))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results" / "report.json"
    sections = {
        "losses": section(1.6, 1.4, 1.5),
        "recognition": Section("one core", 2.0, text="| a |"),
    }
    write(sections, file)
    assert read(file) == sections
    assert "2 sections, 3.5 minutes. Times" in file.with_suffix(".md").read_text()
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "## losses\n\ntwo cores; took 1.5 minutes." in text
    assert (
        "| ours | 3 | 500.00 ms (400.00 ms to 600.00 ms) | 1.50 (1.40 to 1.60) "
        "| 2.0 products | 1.0 MiB | on paper |" in text
    )
    assert "| peer |  |  |  |  |  | not run |" in text
    assert "| a |" in text
    assert read(tmp_path / "none.json") == {}


def test_what_the_host_took_is_told_by_the_minutes() -> None:
    first = Section("two cores", 3.0, text="| a |", taken=0.1)
    both = first.extended(Section("two cores", 1.0, taken=0.5))
    assert both.taken == pytest.approx(0.2)
    assert "took 4.0 minutes; the host took 20% of the processors' time.\n" in both.markdown("x")
    assert first.extended(Section("elsewhere", 1.0)).taken == pytest.approx(0.1)


def test_a_watch_tells_the_time_and_no_more_than_all_of_the_processors() -> None:
    watch = Watch()
    time.sleep(0.05)
    assert 0.05 <= 60 * watch.minutes < 5
    assert watch.taken is None or 0 <= watch.taken <= 1


def test_runs_agree_where_each_median_lies_within_the_spread_of_the_other() -> None:
    first = {"losses": section(*[1.0] * 3, *[1.1] * 5, 2.0)}
    held = agreements(first, {"losses": section(0.9, *[1.2] * 8, 3.0), "new": section(1, 2)})
    assert [(one.name, one.holds) for one in held] == [("ours", True)]
    # The spreads meet and the second median lies in the first; the first median is outside.
    outside = agreements(first, {"losses": section(1.2, *[1.5] * 7, 3.0)})
    assert [(one.name, one.holds) for one in outside] == [("ours", False)]
    table = agreement_table(held + outside, "a.json", "b.json")
    assert table.startswith("# 1 of 2 ratios of a.json and b.json agree\n")
    assert "The spreads of 2 of the 2 meet." in table
    assert (
        "| products, 2 x 2 | ours | 9 | 1.10 (1.00 to 2.00) | 1.50 (1.20 to 3.00) | **no** |"
        in table
    )


def test_few_rounds_agree_where_their_spreads_meet() -> None:
    first = {"losses": section(1.0, 1.1, 2.0)}
    for taken, holds in [((1.9, 2.5, 3.0), True), ((0.1, 0.2, 1.0), True), ((2.1, 3.0), False)]:
        (one,) = agreements(first, {"losses": section(*taken)})
        assert one.holds is holds, taken


def test_the_share_of_like_runs_that_the_rule_would_fail_is_as_stated() -> None:
    draws = np.random.default_rng(0)

    def failing(rounds: int, pairs: int = 4000) -> float:
        runs = draws.normal(size=(pairs, 2, rounds)).tolist()
        return sum(not Agreement("s", "n", *map(tuple, run)).holds for run in runs) / pairs

    assert failing(ENOUGH) == pytest.approx(1 / 13, abs=0.02)
    assert failing(3) == pytest.approx(1 / 10, abs=0.02)


def test_the_subject_of_a_table_is_not_counted_as_a_ratio_that_agrees() -> None:
    alone = {"losses": section(1.0, 1.0, 1.0)}
    assert agreements(alone, alone) == []


def test_ratios_are_taken_round_by_round() -> None:
    times, subject = [2.0, 9.0, 4.0], [1.0, 3.0, 1.0]
    row = BenchRow("s", "ours", tuple(times), ratios(times, subject))
    assert row.ratios == (2.0, 3.0, 4.0)
    assert row.ratio == 3.0
    assert row.seconds == 4.0
    with pytest.raises(ValueError, match="shorter"):
        ratios(times, subject[:2])


def test_candidates_take_turns_after_a_call_that_is_not_counted() -> None:
    called: list[str] = []
    seconds = {"slow": 6.0, "quick": 1.0}

    def clock(call) -> float:
        call()
        return seconds[called[-1]]

    calls = {name: lambda name=name: called.append(name) for name in seconds}
    rows = rows_in_turns(
        "s", calls, 2, "quick", items={"slow": 2, "quick": 1}, unit="pictures", clock=clock
    )
    assert called == ["slow", "quick"] * 3
    assert [(row.name, row.times, row.ratios) for row in rows] == [
        ("slow", (3.0, 3.0), (3.0, 3.0)),
        ("quick", (1.0, 1.0), (1.0, 1.0)),
    ]


def test_what_was_called_before_needs_no_other_call() -> None:
    called: list[str] = []
    calls = {name: lambda name=name: called.append(name) for name in ("ours", "peer")}
    rows = rows_in_turns("s", calls, 2, "ours", warm=False)
    assert called == ["ours", "peer"] * 2
    assert [len(row.times) for row in rows] == [2, 2]


def test_a_later_visit_adds_rounds_and_leaves_the_rest() -> None:
    first = BenchRow("s", "ours", (1.0,), (2.0,), memory=7, note="first")
    later = BenchRow("s", "ours", (3.0,), (4.0,), note="later")
    other = BenchRow("s", "peer", (5.0,))
    both = BenchRow("s", "ours", (1.0, 3.0), (2.0, 4.0), memory=7, note="first")
    assert joined([first], [later, other]) == (both, other)


def test_a_run_comes_back_to_what_is_measured_in_turns(monkeypatch, tmp_path: Path) -> None:
    order: list[str] = []

    def visits() -> Iterator[list[BenchRow]]:
        for visit in range(3):
            order.append("losses")
            yield [BenchRow("s", "ours", (float(visit),), (float(visit),))]

    def once() -> str:
        order.append("recognition")
        return "| a |"

    monkeypatch.setitem(bench.TURNS, "losses", visits)
    monkeypatch.setitem(bench.ONCE, "recognition", once)
    file = tmp_path / "report.json"
    monkeypatch.setattr("sys.argv", ["bench", "losses", "recognition", "--out", str(file)])
    bench.main()
    assert order == ["losses", "recognition", "losses", "losses"]
    found = read(file)
    assert list(found) == ["recognition", "losses"]
    assert found["losses"].rows == (BenchRow("s", "ours", (0.0, 1.0, 2.0), (0.0, 1.0, 2.0)),)
    monkeypatch.setattr("sys.argv", ["bench", "losses", "--out", str(file), "--against", str(file)])
    bench.main()
    assert "# 1 of 1 ratios" in (tmp_path / "agreement.md").read_text(encoding="utf-8")


def test_what_fails_in_a_process_of_its_own_is_said() -> None:
    assert asked("math", "hypot", 3, 4) == 5.0
    with pytest.raises(RuntimeError, match=r"math.sqrt failed with 1: ValueError"):
        asked("math", "sqrt", -1)
