"""The report of `make bench`: what is written is read again, and two runs are compared."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.report import Section, disagreements, read, write
from tests.benchmarks.table import BenchRow, median_ratio, ratio_spread


def section(low: float, high: float, name: str = "ours") -> Section:
    row = BenchRow("products, 2 x 2", name, 0.5, (0.4, 0.6), 1.5, (low, high), 2**20, "3 rounds")
    return Section("two cores", 1.5, (row, BenchRow("products, 2 x 2", "peer", note="not run")))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results" / "report.json"
    sections = {"losses": section(1.4, 1.6), "recognition": Section("one core", 2.0, text="| a |")}
    write(sections, file)
    assert read(file) == sections
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "## losses\n\ntwo cores; took 1.5 minutes." in text
    assert "| ours | 500.00 ms | 400.00 ms to 600.00 ms | 1.50 (1.40 to 1.60) | 1.0 MiB |" in text
    assert "| peer |  |  |  |  | not run |" in text
    assert "| a |" in text
    assert read(tmp_path / "none.json") == {}


def test_runs_agree_where_their_spreads_meet() -> None:
    first = {"losses": section(1.0, 2.0), "maps": section(1.0, 2.0, "maps")}
    assert disagreements(first, {"losses": section(1.9, 3.0)}) == (1, [])
    shared, lines = disagreements(first, {"losses": section(2.1, 3.0), "new": section(1, 1, "new")})
    assert shared == 1
    assert lines == ["products, 2 x 2: ours: 1.00 to 2.00, then 2.10 to 3.00"]


def test_ratios_are_taken_round_by_round() -> None:
    times, subject = [2.0, 9.0, 4.0], [1.0, 3.0, 1.0]
    assert median_ratio(times, subject) == 3.0
    assert ratio_spread(times, subject) == (2.0, 4.0)
