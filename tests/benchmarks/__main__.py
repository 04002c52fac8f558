"""`make bench`: quality and speed, measured in one run; kept as JSON and as Markdown.

A section that is measured again replaces its own rows only and keeps its own line of where it was
measured, so that the file says of every number where it comes from.

python -m tests.benchmarks [SECTION ...] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tests.benchmarks import (
    app,
    embedding,
    evaluation,
    losses,
    maps,
    recognition,
    search,
    soak,
    training,
)
from tests.benchmarks.table import BenchRow, markdown

REPORT = Path(__file__).parent / "results" / "report.json"

SECTIONS: dict[str, Callable[[], list[BenchRow] | str]] = {
    "recognition": recognition.report,
    "losses": losses.rows,
    "training": training.rows,
    "evaluation": evaluation.rows,
    "embedding": embedding.rows,
    "search": search.rows,
    "maps": maps.rows,
    "app": app.rows,
    "soak": soak.report,
}


def main() -> None:
    """Run the sections that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(SECTIONS))
    parser.add_argument("--out", type=Path, default=REPORT, help="JSON to add to; .md lies beside")
    given = parser.parse_args()
    if unknown := set(given.section) - set(SECTIONS):
        parser.error(f"no section {min(unknown)!r}; choose among {', '.join(SECTIONS)}")
    for name in given.section or SECTIONS:
        section = measured(SECTIONS[name])
        kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
        kept[name] = section
        write({key: kept[key] for key in SECTIONS if key in kept}, given.out)
        print(as_markdown(name, section), flush=True)


def measured(measure: Callable[[], list[BenchRow] | str]) -> dict[str, Any]:
    """What a section measured, with where and how long: rows, or a text of its own."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    where = (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {gpu}, load average {os.getloadavg()[0]:.1f} at the "
        "start"
    )
    start = time.perf_counter()
    found = measure()
    return {
        "environment": where,
        "minutes": (time.perf_counter() - start) / 60,
        "rows": [] if isinstance(found, str) else [asdict(row) for row in found],
        "text": found if isinstance(found, str) else "",
    }


def write(sections: dict[str, Any], file: Path) -> None:
    """Write the sections as JSON and, beside it, as Markdown."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(sections, indent=1) + "\n", encoding="utf-8")
    minutes = sum(section["minutes"] for section in sections.values())
    head = (
        f"# Measurements of `make bench`\n\n{len(sections)} sections, {minutes:.1f} minutes. Times "
        "are medians of rounds in which the candidates take turns, with the smallest and the "
        "largest; a ratio is a candidate's time / the subject's of the same round.\n"
    )
    parts = [head, *(as_markdown(name, section) for name, section in sections.items())]
    file.with_suffix(".md").write_text("\n".join(parts), encoding="utf-8")


def as_markdown(name: str, section: dict[str, Any]) -> str:
    """A section under its heading."""
    body = section["text"] or markdown([BenchRow.of(row) for row in section["rows"]])
    took = f"took {section['minutes']:.1f} minutes"
    return f"## {name}\n\n{section['environment']}; {took}.\n\n{body.strip()}\n"


if __name__ == "__main__":
    main()
