"""Pictures and captions through the towers of lite0-minilm, on a CPU; ViT-B-32 on a GPU.

The subject is OpenVINO on pictures that are ready: what end to end from JPEG files could reach if
decoding cost nothing. Every candidate's time is that of one picture (or caption), so that slow ones
are measured on fewer; its ratio says how many times as fast the subject is, its note the same as a
share of the subject's rate. PyTorch is measured in batches of one, as a loop over files has them,
and in the batches of the kit.

The files are JPEGs of 256, 500 and 640 pixels (long side), with the grain of a sensor: real
photographs enlarged where ``../shared`` has them, else drawn scenes.

Run: python -m tests.benchmarks.embedding
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from glasskit.data import load_dataset
from glasskit.models import GlassModel, load_model
from glasskit.models.stream import ahead, threads
from glasskit.pictures import open_image
from tests.benchmarks.table import (
    BenchRow,
    interleaved,
    markdown,
    median_ratio,
    ratio_spread,
    wall_seconds,
)

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/coco-concepts/images"
FILES, READY, SLOW = 192, 128, 16
BATCH = 16
ROUNDS = 5
SIDES = (256, 500, 640, 640)
SUBJECT = "OpenVINO, pictures that are ready"


class Work(NamedTuple):
    """A call and how many pictures or captions it does."""

    call: Callable[[], object]
    items: int

    def __call__(self) -> None:
        self.call()


def write_jpegs(folder: Path, count: int = FILES) -> list[Path]:
    """JPEG files of several sizes; about 80 kB each, as photographs of these sizes have."""
    photographs = sorted(PHOTOGRAPHS.glob("*.jpg")) if PHOTOGRAPHS.is_dir() else []
    scenes = None if photographs else load_dataset("scenes")
    rng = np.random.default_rng(0)
    files = []
    for number in range(count):
        if scenes is None:
            picture = open_image(photographs[number % len(photographs)])
        else:
            picture = scenes.image(number)
        scale = SIDES[number % len(SIDES)] / max(picture.size)
        picture = picture.resize([round(n * scale) for n in picture.size], Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (picture.height, picture.width, 1))
        noisy = (np.asarray(picture, dtype=np.float32) + grain).clip(0, 255).astype(np.uint8)
        files.append(folder / f"{number:04d}.jpg")
        Image.fromarray(noisy).save(files[-1], quality=92)
    return files


def rows_of(section: str, works: Mapping[str, Work], subject: str, unit: str) -> list[BenchRow]:
    """One row a candidate: time an item, its ratio to the subject's, and rates."""
    times = interleaved(works, ROUNDS, lambda work: wall_seconds(work) / work.items)

    def row(name: str, taken: Sequence[float]) -> BenchRow:
        seconds, ratio = statistics.median(taken), median_ratio(taken, times[subject])
        return BenchRow(
            section,
            name,
            seconds=seconds,
            spread=(min(taken), max(taken)),
            ratio=ratio,
            ratio_spread=ratio_spread(taken, times[subject]),
            note=f"{1 / seconds:.1f} {unit} a second, {1 / ratio:.2f} of the subject's rate",
        )

    return [row(name, taken) for name, taken in times.items()]


def in_batches(
    run: Callable[[torch.Tensor], object], pixels: torch.Tensor, size: int = BATCH
) -> Callable[[], object]:
    """``run`` on each batch of ready tensors."""

    def call() -> None:
        with torch.inference_mode():
            for batch in pixels.split(size):
                run(batch)

    return call


def on_cpu(model: GlassModel, files: Sequence[Path]) -> list[BenchRow]:
    """Image tower: eager, channels last, OpenVINO, and from files."""
    trunk = model.clip.visual.trunk
    prepare = model.preparation

    def read(path: Path) -> torch.Tensor:
        return prepare.one(model.load_picture(path))

    ready = torch.stack([read(path) for path in files[:READY]])
    last = prepare.batch(ready[:SLOW], torch.device("cpu"))
    flat = last.contiguous()
    works = {
        "PyTorch eager, batches of 1, ready tensors": Work(in_batches(trunk, flat, 1), SLOW),
        f"PyTorch eager, batches of {BATCH}, ready tensors": Work(in_batches(trunk, flat), SLOW),
        f"PyTorch channels_last, batches of {BATCH}": Work(in_batches(trunk, last), SLOW),
        SUBJECT: Work(
            lambda: list(
                ahead(ready.split(BATCH), model.tower, model.tower_jobs, model.tower_jobs)
            ),
            READY,
        ),
        "from JPEG files, end to end": Work(lambda: model.image_tower(files), len(files)),
        "decoding and resizing alone": Work(
            lambda: list(ahead(files, read, 2 * BATCH)), len(files)
        ),
    }
    kilobytes = sum(path.stat().st_size for path in files) / len(files) / 1024
    section = f"image tower, CPU, {threads()} threads that decode, files of {kilobytes:.0f} kB"
    return rows_of(section, works, SUBJECT, "pictures")


def captions(model: GlassModel, count: int = 192) -> list[BenchRow]:
    """Text tower on captions of scenes, in batches of like length."""
    texts = [record.captions[0] for record in load_dataset("scenes").records[:count]]
    works = {"PyTorch": Work(lambda: model.text_tower(texts), len(texts))}
    return rows_of("text tower, CPU", works, "PyTorch", "captions")


def on_gpu(files: Sequence[Path]) -> list[BenchRow]:
    """ViT-B-32 from random weights: float32 and bf16 on tensors that are there, and from files."""
    model = load_model("ViT-B-32/random", device="cuda")
    pixels = torch.randn(1024, 3, 224, 224, device="cuda")

    def finished(run: Callable[[torch.Tensor], object]) -> Callable[[], None]:
        def call() -> None:
            with torch.inference_mode():
                for batch in pixels.split(256):
                    run(batch)
            torch.cuda.synchronize()

        return call

    many = list(files) * 8
    works = {
        "float32, ready tensors": Work(finished(model.image_features), len(pixels)),
        "bf16, ready tensors": Work(finished(model.tower), len(pixels)),
        "bf16, from JPEG files": Work(lambda: model.image_tower(many), len(many)),
    }
    section = f"image tower ViT-B-32, {torch.cuda.get_device_name()}"
    return rows_of(section, works, "bf16, ready tensors", "pictures")


def run() -> list[BenchRow]:
    """All rows of this section."""
    model = load_model("lite0-minilm", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        files = write_jpegs(Path(folder))
        rows = on_cpu(model, files) + captions(model)
        if torch.cuda.is_available():
            rows += on_gpu(files)
    return rows


if __name__ == "__main__":
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads on the CPU\n")
    print(markdown(run()))
    print("ratio: time of the candidate / time of the subject, an item each, taken in turns.")
