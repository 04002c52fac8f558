"""`make bench`: quality and speed, measured in one run; the results are kept as Markdown.

python -m tests.benchmarks [SECTION ...]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.benchmarks import evaluation, losses, recognition, training
from tests.benchmarks.table import markdown

RESULTS = Path(__file__).parent / "results"

SECTIONS: dict[str, Callable[[], str]] = {
    "recognition": lambda: recognition.report(folds=5),
    "losses": lambda: markdown(losses.run()),
    "training": lambda: markdown(training.run()),
    "evaluation": lambda: markdown(evaluation.run()),
}


def environment() -> str:
    """Where the numbers come from, in one line."""
    load = os.getloadavg()[0]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {gpu}, load average {load:.1f} at the start"
    )


def main() -> None:
    """Run the sections that are named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(SECTIONS))
    chosen = parser.parse_args().section
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; choose among {', '.join(SECTIONS)}")
    for name in chosen or SECTIONS:
        start, where = time.perf_counter(), environment()
        table = SECTIONS[name]()
        minutes = (time.perf_counter() - start) / 60
        text = f"# {name}\n\n{where}; took {minutes:.1f} minutes.\n\n{table.strip()}\n"
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
        print(text, flush=True)


if __name__ == "__main__":
    main()
