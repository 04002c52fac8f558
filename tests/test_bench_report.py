"""What `make bench` writes: rows in turns, ratios by round, one section replaced at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.own_process import asked
from tests.benchmarks.table import BenchRow, rows_in_turns


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


def test_a_section_is_measured_kept_and_shown(tmp_path: Path, monkeypatch, capsys) -> None:
    row = BenchRow("s", "ours", (0.4, 0.6, 0.5), (1.6, 1.4, 1.5), "products", 2**20, "on paper")
    monkeypatch.setitem(bench.SECTIONS, "losses", lambda: [row, BenchRow("s", "peer")])
    monkeypatch.setitem(bench.SECTIONS, "recognition", lambda: "| a |")
    file = tmp_path / "results" / "report.json"
    for section in ("losses", "recognition", "losses"):
        monkeypatch.setattr("sys.argv", ["bench", section, "--out", str(file)])
        bench.main()
    assert list(json.loads(file.read_text())) == ["recognition", "losses"]
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert (
        "| ours | 3 | 500.00 ms (400.00 ms to 600.00 ms) | 1.50 (1.40 to 1.60) "
        "| 2.0 products | 1.0 MiB | on paper |" in text
    )
    assert "| peer |  |  |  |  |  |  |" in text
    assert "| a |" in text
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name, said in (("nothing", "no section 'nothing'"), ("gpu-losses", "needs a CUDA device")):
        monkeypatch.setattr("sys.argv", ["bench", name])
        with pytest.raises(SystemExit):
            bench.main()
        assert said in capsys.readouterr().err


def test_what_fails_in_a_process_of_its_own_is_said() -> None:
    assert asked("math", "hypot", 3, 4) == 5.0
    with pytest.raises(RuntimeError, match=r"math.sqrt failed with 1: ValueError"):
        asked("math", "sqrt", -1)
