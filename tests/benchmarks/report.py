"""The report of `make bench`: every section's rows in one JSON file, and Markdown made from it.

A section that is measured again replaces its own rows only, and keeps its own environment: the
file says of every number where and when it was taken.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from tests.benchmarks.table import BenchRow, markdown


@dataclass(frozen=True, slots=True)
class Section:
    """One measured section.

    Attributes:
        environment: where it was measured.
        minutes: how long that took.
        rows: what was measured.
        text: Markdown of a section that is no table of rows.
    """

    environment: str
    minutes: float
    rows: tuple[BenchRow, ...] = ()
    text: str = ""

    def markdown(self, name: str) -> str:
        """The section under its heading."""
        body = self.text or markdown(self.rows)
        return (
            f"## {name}\n\n{self.environment}; took {self.minutes:.1f} minutes.\n\n{body.strip()}\n"
        )


def environment() -> str:
    """Where the numbers come from, in one line."""
    load = os.getloadavg()[0]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {gpu}, load average {load:.1f} at the start"
    )


def read(file: Path) -> dict[str, Section]:
    """The sections of a JSON file, or none where there is no file."""
    if not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: _section(value) for name, value in found.items()}


def write(sections: dict[str, Section], file: Path) -> None:
    """Write ``file`` (JSON) and the Markdown beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    value = {name: asdict(section) for name, section in sections.items()}
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    minutes = sum(section.minutes for section in sections.values())
    head = (
        f"# What `make bench` measured\n\n{len(sections)} sections, {minutes:.1f} minutes. Times "
        "are medians with the smallest and largest round; a ratio is the candidate's time over the "
        "time of its table's subject (the row with ratio 1), taken in turns in one run.\n"
    )
    parts = [section.markdown(name) for name, section in sections.items()]
    file.with_suffix(".md").write_text("\n".join([head, *parts]), encoding="utf-8")


def disagreements(first: dict[str, Section], second: dict[str, Section]) -> tuple[int, list[str]]:
    """How many ratios two runs share, and those whose spreads do not meet, a line each."""
    ours, theirs = (_ratios(run) for run in (first, second))
    shared = [key for key in ours if key in theirs]
    lines = []
    for key in shared:
        a, b = ours[key], theirs[key]
        if a[0] > b[1] or b[0] > a[1]:
            lines.append(
                f"{': '.join(key)}: {a[0]:.2f} to {a[1]:.2f}, then {b[0]:.2f} to {b[1]:.2f}"
            )
    return len(shared), lines


def _ratios(run: dict[str, Section]) -> dict[tuple[str, str], tuple[float, float]]:
    rows: Sequence[BenchRow] = [row for section in run.values() for row in section.rows]
    return {(r.section, r.name): r.ratio_spread for r in rows if r.ratio_spread is not None}


def _section(value: dict) -> Section:
    rows = []
    for row in value.pop("rows"):
        pairs = {key: tuple(row[key]) for key in ("spread", "ratio_spread") if row[key]}
        rows.append(BenchRow(**(row | pairs)))
    return Section(**value, rows=tuple(rows))
