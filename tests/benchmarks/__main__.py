"""`make bench`: quality and speed, measured in one run; kept as JSON and as Markdown.

Sections that are measured in turns are visited several times, with those that are measured once
between the visits: their rounds lie minutes apart, and their spreads hold what this machine does in
a quarter of an hour.

python -m tests.benchmarks [SECTION ...] [--out FILE.json] [--against FILE.json]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import app, embedding, evaluation, losses, maps, recognition, search, training
from tests.benchmarks.report import (
    Section,
    Watch,
    agreement_table,
    agreements,
    environment,
    read,
    write,
)
from tests.benchmarks.table import BenchRow

REPORT = Path(__file__).parent / "results" / "report.json"

ONCE: dict[str, Callable[[], list[BenchRow] | str]] = {
    "recognition": recognition.report,
    "evaluation": evaluation.run,
}
TURNS: dict[str, Callable[[], Iterator[list[BenchRow]]]] = {
    "losses": losses.visits,
    "training": training.visits,
    "embedding": embedding.visits,
    "search": search.visits,
    "maps": maps.visits,
    "app": app.visits,
}
ORDER = ("recognition", "losses", "training", "evaluation", "embedding", "search", "maps", "app")


def main() -> None:
    """Run the sections that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(ORDER))
    parser.add_argument("--out", type=Path, default=REPORT, help="JSON to add to; .md lies beside")
    parser.add_argument("--against", type=Path, help="JSON of another run: do the ratios agree?")
    given = parser.parse_args()
    unknown = [name for name in given.section if name not in ORDER]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; choose among {', '.join(ORDER)}")
    if given.against is not None and not given.against.is_file():
        parser.error(f"no file {given.against}; --against takes the JSON of an earlier run")
    measured: dict[str, Section] = {}
    for name, visit in _visits(given.section or ORDER):
        measured[name] = measured[name].extended(visit) if name in measured else visit
        kept = read(given.out) | {name: measured[name]}
        write({key: kept[key] for key in ORDER if key in kept}, given.out)
        print(visit.markdown(name), flush=True)
    if given.against is not None:
        found = agreements(read(given.against), measured)
        table = agreement_table(found, given.against.name, given.out.name)
        (given.out.parent / "agreement.md").write_text(table, encoding="utf-8")
        print(table)


def _visits(names: list[str] | tuple[str, ...]) -> Iterator[tuple[str, Section]]:
    """Every visit of every section, those in turns around each of the others."""
    opened = {name: TURNS[name]() for name in names if name in TURNS}
    once = [name for name in names if name in ONCE]
    while opened or once:
        for name, visits in list(opened.items()):
            visit = _timed(lambda visits=visits: next(visits, None))
            if visit is None:
                del opened[name]
            else:
                yield name, visit
        if once:
            name = once.pop(0)
            yield name, _timed(ONCE[name])


def _timed(measure: Callable[[], list[BenchRow] | str | None]) -> Section | None:
    """What a call measured, with where and how long; None where it had nothing more."""
    where, watch = environment(), Watch()
    result = measure()
    if result is None:
        return None
    rows, text = ((), result) if isinstance(result, str) else (tuple(result), "")
    return Section(where, watch.minutes, rows, text, watch.taken)


if __name__ == "__main__":
    main()
