"""Rows of a benchmark and the Markdown table that shows them; ratios come from one run.

A machine that other work shares gives other times every minute, so that only times taken in
turns are compared: `in_turns` runs every candidate once a round, and a ratio is the median of the
ratios of the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One measured candidate; empty where a number was not taken.

    Attributes:
        section: what is measured, for instance "losses, 64 x 16 x 512, cpu".
        name: the candidate.
        times: seconds of every round.
        ratios: this candidate's time / the subject's, of every round.
        unit: what is done once in such a time, for instance "pictures"; "" where a rate says
            nothing.
        memory: peak bytes beyond what was there before the call.
        note: why there are no times.
    """

    section: str
    name: str
    times: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    unit: str = ""
    memory: int | None = None
    note: str = ""

    @classmethod
    def of(cls, value: dict[str, Any]) -> BenchRow:
        """The row whose fields came through JSON."""
        several = {key: tuple(value[key]) for key in ("times", "ratios")}
        return cls(**(value | several))

    @property
    def seconds(self) -> float | None:
        """Median time."""
        return statistics.median(self.times) if self.times else None


def rows_in_turns(
    section: str,
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    subject: str,
    *,
    items: Mapping[str, float] | None = None,
    unit: str = "",
    clock: Callable[[Callable[[], object]], float] | None = None,
) -> list[BenchRow]:
    """One row a candidate, measured in turns.

    Args:
        section: of the rows.
        calls: candidate by name.
        rounds: how many rounds.
        subject: name of the candidate that the others are compared with.
        items: how many of ``unit`` a call of each does, 1 where None; times are those of one, so
            that slow candidates may be measured on fewer.
        unit: what is counted.
        clock: seconds of one call; wall clock where None.
    """
    counts = items or dict.fromkeys(calls, 1.0)
    times = {
        name: [seconds / counts[name] for seconds in taken]
        for name, taken in in_turns(calls, rounds, clock).items()
    }
    return compared(section, times, subject, unit)


def compared(
    section: str, times: Mapping[str, Sequence[float]], subject: str, unit: str = ""
) -> list[BenchRow]:
    """One row a candidate from the times of its rounds, ``subject`` among them."""
    return [
        BenchRow(
            section,
            name,
            tuple(taken),
            tuple(a / b for a, b in zip(taken, times[subject], strict=True)),
            unit,
        )
        for name, taken in times.items()
    ]


def in_turns(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[Callable[[], object]], float] | None = None,
) -> dict[str, list[float]]:
    """Seconds of every candidate in every round; one round runs each of them once.

    Each is called once before, which is not counted.

    Args:
        calls: candidate by name.
        rounds: how many rounds.
        clock: seconds of one call; wall clock where None.
    """
    clock = clock or wall_seconds
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(clock(call))
    return times


def wall_seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def markdown(rows: Iterable[BenchRow]) -> str:
    """The rows as one Markdown table; a section is named in its first row."""
    lines = ["| | | ratio | time | rounds | a second | peak memory |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    section = None
    for row in rows:
        cells = [
            row.section if row.section != section else "",
            row.name,
            with_spread(row.ratios, "{:.2f}".format) if set(row.ratios) != {1.0} else "1",
            with_spread(row.times, _time) or row.note,
            str(len(row.times) or ""),
            f"{1 / row.seconds:,.1f} {row.unit}" if row.unit and row.seconds else "",
            "" if row.memory is None else f"{row.memory / 2**20:.1f} MiB",
        ]
        section = row.section
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def with_spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """The median, and the smallest and the largest where there are several."""
    if not values:
        return ""
    middle, low, high = (shown(of(values)) for of in (statistics.median, min, max))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
