"""The report of `make bench`: every section's rows in one JSON file, and Markdown made from it.

A section that is measured again replaces its own rows only, and keeps its own environment: the
file says of every number where and when it was taken.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from tests.benchmarks.table import BenchRow, joined, markdown, with_spread


@dataclass(frozen=True, slots=True)
class Section:
    """One measured section.

    Attributes:
        environment: where it was measured.
        minutes: how long that took.
        rows: what was measured.
        text: Markdown of a section that is no table of rows.
        taken: share of the processors' time that the host of a virtual machine took meanwhile,
            or None where the system does not say.
    """

    environment: str
    minutes: float
    rows: tuple[BenchRow, ...] = ()
    text: str = ""
    taken: float | None = None

    def extended(self, later: Section) -> Section:
        """This section with the rounds of a later visit."""
        return Section(
            self.environment,
            self.minutes + later.minutes,
            joined(self.rows, later.rows),
            self.text,
            mean_taken((self, later)),
        )

    def markdown(self, name: str) -> str:
        """The section under its heading."""
        body = self.text or markdown(self.rows)
        took = f"took {self.minutes:.1f} minutes{_while_taken(self.taken)}"
        return f"## {name}\n\n{self.environment}; {took}.\n\n{body.strip()}\n"


Run = Mapping[str, Section]
"""What one run measured: section by name."""


def environment() -> str:
    """Where the numbers come from, in one line."""
    load = os.getloadavg()[0]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {gpu}, load average {load:.1f} at the start"
    )


def mean_taken(sections: Iterable[Section]) -> float | None:
    """The share of time that the host took during sections, by their minutes."""
    known = [(one.minutes, one.taken) for one in sections if one.taken is not None]
    whole = sum(minutes for minutes, _ in known)
    return sum(minutes * taken for minutes, taken in known) / whole if whole else None


def _while_taken(taken: float | None) -> str:
    return "" if taken is None else f"; the host took {100 * taken:.0f}% of the processors' time"


class Watch:
    """How long something takes, and what the host of a virtual machine takes meanwhile."""

    def __init__(self) -> None:
        self._start, self._ticks = time.perf_counter(), self._processors()

    @property
    def minutes(self) -> float:
        """Since the watch was made."""
        return (time.perf_counter() - self._start) / 60

    @property
    def taken(self) -> float | None:
        """Share of the processors' time that the host took; None where the system doesn't say."""
        spent = [now - then for then, now in zip(self._ticks, self._processors(), strict=True)]
        return spent[7] / sum(spent) if any(spent) else None

    @staticmethod
    def _processors() -> list[int]:
        """Time of the processors by kind since the start, the eighth what the host took."""
        told = Path("/proc/stat")
        if not told.is_file():
            return []
        return [int(part) for part in told.read_text().split("\n", 1)[0].split()[1:9]]


def read(file: Path) -> dict[str, Section]:
    """The sections of a JSON file, or none where there is no file."""
    if not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: _section(value) for name, value in found.items()}


def write(sections: Run, file: Path) -> None:
    """Write ``file`` (JSON) and the Markdown beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    value = {name: asdict(section) for name, section in sections.items()}
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    minutes = sum(section.minutes for section in sections.values())
    taken = _while_taken(mean_taken(sections.values()))
    head = (
        f"# What `make bench` measured\n\n{len(sections)} sections, {minutes:.1f} minutes{taken}. "
        "Times and ratios are medians, with the smallest and the largest round in brackets; a "
        "ratio is the candidate's time over the time of its table's subject (the row with ratio "
        "1), taken in turns. The rounds of a section lie minutes apart: the run comes back to it.\n"
    )
    parts = [section.markdown(name) for name, section in sections.items()]
    file.with_suffix(".md").write_text("\n".join([head, *parts]), encoding="utf-8")


ENOUGH = 8
"""Rounds from which medians are held against spreads.

Of two runs of the very same thing, whatever its distribution, one in thirteen pairs of eight rounds
has a median outside the other's spread; of six rounds one in six, of three six in ten. With
fewer than eight it is asked whether the spreads meet: with three, one pair in ten does not.
"""


class Agreement(NamedTuple):
    """One ratio in two runs, round by round."""

    section: str
    name: str
    first: tuple[float, ...]
    second: tuple[float, ...]

    @property
    def meets(self) -> bool:
        """Whether the spreads of the two runs have anything in common."""
        return max(map(min, self[2:])) <= min(map(max, self[2:]))

    @property
    def holds(self) -> bool:
        """Whether the median of each run lies within the spread of the other.

        With fewer than ``ENOUGH`` rounds: whether the spreads meet.
        """
        if min(len(self.first), len(self.second)) < ENOUGH:
            return self.meets
        return all(
            min(there) <= statistics.median(here) <= max(there)
            for here, there in ((self.first, self.second), (self.second, self.first))
        )


def agreements(first: Run, second: Run) -> list[Agreement]:
    """The ratios that both runs took in several rounds, the subjects' own left out."""
    ours, theirs = (_ratios(run) for run in (first, second))
    return [Agreement(*key, ours[key], theirs[key]) for key in ours if key in theirs]


def agreement_table(found: list[Agreement], first: str, second: str) -> str:
    """The ratios of two runs side by side, as Markdown."""
    held = sum(one.holds for one in found)
    met = sum(one.meets for one in found)
    lines = [
        f"# {held} of {len(found)} ratios of {first} and {second} agree",
        "",
        "They agree where the median of each run lies within the spread of the other. Rows of "
        f"fewer than {ENOUGH} rounds, too few for that (two runs of the very same thing would "
        "fail in six pairs of ten at three rounds), agree where the spreads meet. The spreads of "
        f"{met} of the {len(found)} meet.",
        "",
        f"| measured | candidate | rounds | {first} | {second} | agree |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for one in found:
        both = (with_spread(values, "{:.2f}".format) for values in (one.first, one.second))
        rounds = str(min(len(one.first), len(one.second)))
        cells = (one.section, one.name, rounds, *both, "yes" if one.holds else "**no**")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _ratios(run: Run) -> dict[tuple[str, str], tuple[float, ...]]:
    rows = [row for section in run.values() for row in section.rows]
    return {(r.section, r.name): r.ratios for r in rows if len(set(r.ratios)) > 1}


def _section(value: dict) -> Section:
    rows = tuple(map(BenchRow.of, value.pop("rows")))
    return Section(**value, rows=rows)
