"""Rows of a benchmark and the Markdown table that shows them; ratios come from one run.

A machine that other work shares gives other times every minute, so that only times taken in
turns are compared: `interleaved` runs every candidate once a round, and a ratio is the median
of the ratios of the rounds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One measured candidate; None where a number was not taken.

    Attributes:
        section: what is measured, for instance "losses, 64 x 16 x 512, cpu".
        name: the candidate.
        seconds: median time of one call.
        spread: (smallest, largest) time of a call, seconds.
        ratio: median over the rounds of this candidate's time / the subject's time.
        ratio_spread: (smallest, largest) such ratio of a round.
        memory: peak bytes beyond what was there before the call.
        note: conditions, or why a number is missing.
    """

    section: str
    name: str
    seconds: float | None = None
    spread: tuple[float, float] | None = None
    ratio: float | None = None
    ratio_spread: tuple[float, float] | None = None
    memory: int | None = None
    note: str = ""


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[Callable[[], object]], float] | None = None,
) -> dict[str, list[float]]:
    """Seconds of every candidate in every round; one round runs each of them once.

    Args:
        calls: candidate by name; each is warmed up by one call that is not counted.
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


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time of one call, all threads: a busy machine disturbs it least on one thread."""
    start = time.process_time()
    call()
    return time.process_time() - start


def median_ratio(times: Sequence[float], subject: Sequence[float]) -> float:
    """Median over the rounds of times / subject; rounds that only one of them has are left out."""
    return statistics.median(a / b for a, b in zip(times, subject, strict=False))


def ratio_spread(times: Sequence[float], subject: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest times / subject of a round."""
    ratios = [a / b for a, b in zip(times, subject, strict=False)]
    return min(ratios), max(ratios)


def markdown(rows: Sequence[BenchRow]) -> str:
    """The rows as Markdown, one table a section."""
    lines: list[str] = []
    section = None
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", f"### {section}", ""]
            lines += ["| candidate | time | spread | ratio | peak memory | note |"]
            lines += ["| --- | ---: | ---: | ---: | ---: | --- |"]
        spread = "" if row.spread is None else f"{_time(row.spread[0])} to {_time(row.spread[1])}"
        cells = [
            row.name,
            "" if row.seconds is None else _time(row.seconds),
            spread,
            _ratio(row),
            "" if row.memory is None else f"{row.memory / 2**20:.1f} MiB",
            row.note,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines).strip() + "\n"


def _ratio(row: BenchRow) -> str:
    if row.ratio is None:
        return ""
    if row.ratio_spread is None:
        return f"{row.ratio:.2f}"
    return f"{row.ratio:.2f} ({row.ratio_spread[0]:.2f} to {row.ratio_spread[1]:.2f})"


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
