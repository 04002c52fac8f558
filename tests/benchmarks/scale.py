"""What each step costs as a data set grows: pictures with three labels, by the command line.

python -m tests.benchmarks.scale PHOTOGRAPHS FOLDER [COUNT ...]

PHOTOGRAPHS is the folder of `glasskit data coco-ideas --download`. The pictures are distinct JPEGs
of 224 pixels, cropped, mirrored and coloured anew from the 750 photographs of coco-ideas, each with
three labels and a caption of its own. Every step is a command in a process of its own, and what it
took is appended to FOLDER/steps.jsonl; a step that is there is not run again. Seconds of the
processor are what a busy machine changes least. The captions repeat and the pictures of one
photograph are alike, so that nothing is said here of how well a model does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path

from PIL import Image, ImageOps

from glasskit.data import load_dataset
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.pictures import write_pictures

SIDE = 224
MODEL = "lite0-minilm"
KIT = (sys.executable, "-m", "glasskit.cli")
MAP = """
import sys, numpy
from glasskit.analysis.maps import project
project(numpy.load(sys.argv[1]))
"""


def write(folder: Path, photographs: Path, count: int) -> None:
    """``count`` pictures made of the photographs, and ``set.json`` with their labels."""
    source = load_dataset("coco-ideas", images=photographs)
    opened = [source.image(row) for row in range(min(count, len(source)))]
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    records = []
    for number in range(count):
        row = number % len(source)
        record, key = source.records[row], f"{number:07d}.jpg"
        records.append(
            replace(
                record,
                key=key,
                labels=record.labels[:3],
                literal=(f"{record.literal[0]}, view {number}", *record.literal[1:]),
                label_themes={},
            )
        )
        if not (pictures / key).is_file():
            varied(opened[row], random.Random(number)).save(pictures / key, quality=85)
    made = GroupedDataset("scale", source.concepts, tuple(records), FolderImages(pictures))
    write_pictures(made, folder / "set.json")


def varied(picture: Image.Image, draw: random.Random) -> Image.Image:
    """A square part of a picture, perhaps mirrored, in other colours."""
    side = round(min(picture.size) * draw.uniform(0.7, 1))
    left, top = (draw.randint(0, length - side) for length in picture.size)
    box = (left, top, left + side, top + side)
    part = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)
    if draw.random() < 0.5:
        part = ImageOps.mirror(part)
    gains = [draw.uniform(0.7, 1.1) for _ in "RGB"]
    return part.point([round(gain * value) for gain in gains for value in range(256)])


def commands(folder: Path, shards: bool) -> dict[str, list[str | Path]]:
    """Every step by its name, in order.

    Args:
        folder: that ``write`` filled.
        shards: also the rehearsal with two processes, in which pictures are embedded twice more.
    """
    pictures, packed = folder / "pictures", folder / "shards"
    here = [folder / "set.json", "--images", pictures]
    train = ["--epochs", "2", "--tracker", "none", "--device", "cpu", "--out"]
    steps = {
        "embed pictures": [*KIT, "embed", MODEL, pictures, "--out", folder / "of-folder"],
        "embed captions": [*KIT, "embed", MODEL, *here, "--out", folder / "vectors"],
        "train, 2 epochs": [*KIT, "train", *here, *train, folder / "run"],
        "evaluate": [*KIT, "evaluate", folder / "run", *here, "--split", "all"],
        "pack": [*KIT, "data", "pack", *here, "--out", packed],
        "map": [sys.executable, "-c", MAP, folder / "vectors/vectors.npy"],
    }
    if shards:
        two = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        two += ["--nproc_per_node", "2", *KIT[1:]]
        steps |= {
            "embed shards, 2 processes": [*two, "embed", MODEL, packed, "--out", folder / "joined"],
            "train from shards": [*KIT, "train", packed, *train, folder / "run-1"],
            "train from shards, 2 processes": [*two, "train", packed, *train, folder / "run-2"],
        }
    return steps


def measured(command: Sequence[str | Path], cache: Path, log: Path) -> dict[str, float]:
    """Wall and processor seconds and the peak bytes of a command and of what it started.

    Raises:
        RuntimeError: it failed; what it said is in ``log``.
    """
    start = time.perf_counter()
    with log.open("w") as said:
        environment = os.environ | {"GLASSKIT_CACHE": str(cache)}
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{log}: ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "wall": time.perf_counter() - start,
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024,  # of the largest process
    }


def main() -> None:
    """Run the steps that are not there yet and print all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--shards", type=int, default=10_000, help="most pictures of the rehearsal")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "steps.jsonl"
    for count in given.count:
        folder = given.folder / str(count)
        if not (folder / "set.json").is_file():
            write(folder, given.photographs, count)
        done = {(row["count"], row["step"]) for row in steps_of(kept)}
        for name, command in commands(folder, count <= given.shards).items():
            if (count, name) not in done:
                found = measured(command, folder / "cache", folder / f"{name}.txt")
                with kept.open("a") as lines:
                    lines.write(json.dumps({"count": count, "step": name, **found}) + "\n")
    print(table(steps_of(kept)))


def steps_of(file: Path) -> list[dict[str, float]]:
    """The steps that were measured so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def table(steps: Sequence[dict[str, float]]) -> str:
    """The steps as Markdown; slope: log(seconds_b / seconds_a) / log(b / a) of the two largest."""
    counts = sorted({int(row["count"]) for row in steps})
    head = [f"{count:,}" for count in counts]
    lines = ["| step | " + " | ".join(head) + " | slope |", "| --- |" + " ---: |" * (len(head) + 1)]
    for name in dict.fromkeys(row["step"] for row in steps):
        found = {row["count"]: row for row in steps if row["step"] == name}
        cells = [
            f"{row['processor']:,.0f} s ({row['wall']:,.0f} s), {row['memory'] / 2**30:.1f} GiB"
            if (row := found.get(count))
            else ""
            for count in counts
        ]
        slope = ""
        if len(found) > 1:
            few, many = sorted(found)[-2:]
            growth = found[many]["processor"] / found[few]["processor"]
            slope = f"{log(growth) / log(many / few):.2f}"
        lines.append("| " + " | ".join([name, *cells, slope]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
