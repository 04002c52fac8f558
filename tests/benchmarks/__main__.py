"""`make bench`: speed in one run, as one table of ratios.

python -m tests.benchmarks [SECTION ...] [--out FILE.md]

Without a name every section of a CPU runs. Those of a GPU, the sections gpu-..., run by name, where
there is CUDA; theirs are kept in results/gpu.md. The page is written anew after each row.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from glasskit.io.places import write_text
from tests.benchmarks import app, embedding, losses, maps, search, training
from tests.benchmarks.table import BenchRow, markdown

Measure = Callable[[], Iterable[BenchRow]]

SECTIONS: dict[str, Measure] = {
    "losses": losses.rows,
    "training": training.rows,
    "embedding": embedding.rows,
    "search": search.rows,
    "maps": maps.rows,
    "app": app.rows,
}
GPU_SECTIONS: dict[str, Measure] = {
    "gpu-losses": losses.gpu_rows,
    "gpu-training": training.gpu_rows,
    "gpu-embedding": embedding.gpu_rows,
}


def main() -> None:
    """Run the sections that are named, or all of a CPU, and print them as one page."""
    every = SECTIONS | GPU_SECTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=", ".join(every))
    parser.add_argument("--out", type=Path, help="Markdown file to write the page to as well")
    given = parser.parse_args()
    if unknown := set(given.section) - set(every):
        parser.error(f"no section {min(unknown)!r}; choose among {', '.join(every)}")
    if not torch.cuda.is_available() and (gpu := set(given.section) & set(GPU_SECTIONS)):
        parser.error(f"{min(gpu)} needs a CUDA device, and there is none")
    where, start = environment(), time.perf_counter()
    rows: list[BenchRow] = []
    text = ""
    for name in given.section or SECTIONS:
        for row in every[name]():
            rows.append(row)
            text = page(rows, where, (time.perf_counter() - start) / 60)
            if given.out is not None:
                write_text(given.out, text)
    print(text)


def environment() -> str:
    """Where is measured, and how busy it is at the start."""
    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {graphics_card()}, load average "
        f"{os.getloadavg()[0]:.1f} at the start"
    )


def graphics_card() -> str:
    """Name, memory and driver of the GPU that is used."""
    if not torch.cuda.is_available():
        return "no GPU"
    card = torch.cuda.get_device_properties(torch.cuda.current_device())
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    driver = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB, driver {driver}"


def page(rows: Iterable[BenchRow], where: str, minutes: float) -> str:
    """All rows under one heading."""
    return (
        f"# Speed\n\n{where}; took {minutes:.1f} minutes. Medians, in brackets the smallest and "
        "the largest of all rounds. A ratio is the row's time / the time of the row of ratio 1 in "
        f"the same round.\n\n{markdown(rows)}"
    )


if __name__ == "__main__":
    main()
