"""`make bench`: quality and speed, measured in one run; kept as JSON and as Markdown.

A section that is measured again replaces its own rows only and keeps its own line of where it was
measured, so that the file says of every number where it comes from. Rows are written as they come.

python -m tests.benchmarks [SECTION ...] [--out FILE.json]

Without a name every section of a CPU runs. Those of a GPU, the sections gpu-..., run by name, where
there is CUDA; they are kept beside the others, in results/gpu.json and gpu.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
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

Measure = Callable[[], Iterable[BenchRow] | str]

SECTIONS: dict[str, Measure] = {
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
GPU_SECTIONS: dict[str, Measure] = {
    "gpu-losses": losses.gpu_rows,
    "gpu-training": training.gpu_rows,
    "gpu-embedding": embedding.gpu_rows,
}


def main() -> None:
    """Run the sections that are named, or all of a CPU."""
    every = SECTIONS | GPU_SECTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(every))
    parser.add_argument("--out", type=Path, default=REPORT, help="JSON to add to; .md lies beside")
    given = parser.parse_args()
    if unknown := set(given.section) - set(every):
        parser.error(f"no section {min(unknown)!r}; choose among {', '.join(every)}")
    if not torch.cuda.is_available() and (gpu := set(given.section) & set(GPU_SECTIONS)):
        parser.error(f"{min(gpu)} needs a CUDA device, and there is none")
    for name in given.section or SECTIONS:
        for section in measured(every[name]):
            kept = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
            kept[name] = section
            write({key: kept[key] for key in every if key in kept}, given.out)
        print(as_markdown(name, section), flush=True)


def measured(measure: Measure) -> Iterator[dict[str, Any]]:
    """What a section measured so far, after each row, with where and how long; or its text."""
    where = (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {graphics_card()}, load average "
        f"{os.getloadavg()[0]:.1f} at the start"
    )
    start = time.perf_counter()
    section: dict[str, Any] = {"environment": where, "minutes": 0.0, "rows": [], "text": ""}
    found = measure()
    for part in [found] if isinstance(found, str) else found:
        section["minutes"] = (time.perf_counter() - start) / 60
        if isinstance(part, str):
            section["text"] = part
        else:
            section["rows"].append(asdict(part))
        yield section


def graphics_card() -> str:
    """Name, memory and driver of the GPU that is used."""
    if not torch.cuda.is_available():
        return "no GPU"
    card = torch.cuda.get_device_properties(torch.cuda.current_device())
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB, driver {driver}"


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
