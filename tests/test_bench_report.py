"""What `make bench` writes: rows in turns, ratios by round, one page."""

from __future__ import annotations

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


def test_sections_are_measured_and_shown_on_one_page(tmp_path: Path, monkeypatch, capsys) -> None:
    rows = [
        BenchRow("s", "peer", (0.2,), (1.0,)),
        BenchRow("s", "ours", (0.4, 0.6, 0.5), (1.6, 1.4, 1.5), "products", 2**20),
        BenchRow("t", "loops", note="not run: hours"),
    ]
    monkeypatch.setitem(bench.SECTIONS, "losses", lambda: rows[:2])
    monkeypatch.setitem(bench.SECTIONS, "maps", lambda: rows[2:])
    file = tmp_path / "page.md"
    monkeypatch.setattr("sys.argv", ["bench", "losses", "maps", "--out", str(file)])
    bench.main()
    text = file.read_text(encoding="utf-8")
    assert capsys.readouterr().out == text + "\n"
    assert text.splitlines()[-3:] == [
        "| s | peer | 1 | 200.00 ms | 1 |  |  |",
        "|  | ours | 1.50 (1.40 to 1.60) | 500.00 ms (400.00 ms to 600.00 ms) | 3 | 2.0 products "
        "| 1.0 MiB |",
        "| t | loops |  | not run: hours |  |  |  |",
    ]
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
