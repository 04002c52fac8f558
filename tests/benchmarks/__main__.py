"""`make bench`: quality and speed, measured in one run; kept as JSON and as Markdown.

python -m tests.benchmarks [SECTION ...] [--out FILE.json] [--against FILE.json]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import app, embedding, evaluation, losses, maps, recognition, search, training
from tests.benchmarks.report import Section, disagreements, environment, read, write
from tests.benchmarks.table import BenchRow

REPORT = Path(__file__).parent / "results" / "report.json"

SECTIONS: dict[str, Callable[[], list[BenchRow] | str]] = {
    "recognition": recognition.report,
    "losses": losses.run,
    "training": training.run,
    "evaluation": evaluation.run,
    "embedding": embedding.run,
    "search": search.run,
    "maps": maps.run,
    "app": app.run,
}


def main() -> None:
    """Run the sections that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(SECTIONS))
    parser.add_argument("--out", type=Path, default=REPORT, help="JSON to add to; .md lies beside")
    parser.add_argument("--against", type=Path, help="JSON of another run: which ratios differ?")
    given = parser.parse_args()
    unknown = [name for name in given.section if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; choose among {', '.join(SECTIONS)}")
    measured = {name: measure(name, given.out) for name in given.section or SECTIONS}
    if given.against is not None:
        shared, lines = disagreements(read(given.against), measured)
        print(f"{shared - len(lines)} of {shared} ratios agree with {given.against.name}")
        print("\n".join(lines))


def measure(name: str, out: Path) -> Section:
    """Measure one section and keep it at once: a run that is stopped loses only the next."""
    start, where = time.perf_counter(), environment()
    result = SECTIONS[name]()
    rows, text = ((), result) if isinstance(result, str) else (tuple(result), "")
    section = Section(where, (time.perf_counter() - start) / 60, rows, text)
    kept = read(out) | {name: section}
    write({key: kept[key] for key in SECTIONS if key in kept}, out)
    print(section.markdown(name), flush=True)
    return section


if __name__ == "__main__":
    main()
