"""Pictures and captions through the towers of lite0-minilm, on a CPU; ViT-B-32 on a GPU.

On a CPU the subject is OpenVINO on pictures that are ready: what end to end from JPEG files could
reach if decoding cost nothing. Every candidate's time is that of one picture (or caption), so that
slow ones are measured on fewer.

PyTorch eager is measured in batches of one, as a loop over files has them, and in the batches of
the kit, each in a process of its own, as a user has it.

The files are JPEGs of 256, 500 and 640 pixels (long side), with the grain of a sensor: real
photographs enlarged where ``../shared`` has them, else smooth random colours.

Run: python -m tests.benchmarks embedding (CPU) or gpu-embedding
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from glasskit.data import load_dataset
from glasskit.io.pictures import open_image
from glasskit.models import GlassModel, load_model
from glasskit.models.stream import BATCH as BATCH_OF
from glasskit.models.stream import ahead, threads
from tests.benchmarks.own_process import standing
from tests.benchmarks.table import BenchRow, rows_in_turns

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared/data/coco-concepts/images"
FILES, SLOW = 96, 16
BATCH = 16
ROUNDS, TEXT_ROUNDS = 5, 8
SIDES = (256, 500, 640, 640)
SUBJECT = "OpenVINO, pictures that are ready"


class Work(NamedTuple):
    """A call and how many pictures or captions it does."""

    call: Callable[[], object]
    items: float

    def __call__(self) -> None:
        self.call()


def write_jpegs(folder: Path, names: Sequence[str]) -> list[Path]:
    """JPEG files of several sizes; about 80 kB each, as photographs of these sizes have.

    After the first ``FILES`` they are drawn no more, but linked again under other names.
    """
    photographs = sorted(PHOTOGRAPHS.glob("*.jpg")) if PHOTOGRAPHS.is_dir() else []
    rng = np.random.default_rng(0)
    files = [folder / f"{name}.jpg" for name in names]
    for number, file in enumerate(files[:FILES]):
        if photographs:
            picture = open_image(photographs[number % len(photographs)])
        else:
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse)
        scale = SIDES[number % len(SIDES)] / max(picture.size)
        picture = picture.resize([round(n * scale) for n in picture.size], Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (picture.height, picture.width, 1))
        noisy = (np.asarray(picture, dtype=np.float32) + grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(file, quality=92)
    for number, file in enumerate(files[FILES:]):
        file.hardlink_to(files[number % FILES])
    return files


def rows_of(
    section: str, works: Mapping[str, Work], subject: str, unit: str, rounds: int = ROUNDS
) -> list[BenchRow]:
    """One row a candidate, the time of one picture or caption."""
    items = {name: work.items for name, work in works.items()}
    return rows_in_turns(section, works, rounds, subject, items=items, unit=unit)


def eager(size: int, count: int) -> Callable[[], None]:
    """The image tower in PyTorch on ready tensors, ``count`` pictures in batches of ``size``."""
    tower = load_model("lite0-minilm", device="cpu").clip.visual.trunk
    pixels = torch.randn(count, 3, 224, 224)

    def call() -> None:
        with torch.inference_mode():
            for batch in pixels.split(size):
                tower(batch)

    return call


def on_cpu(model: GlassModel, files: Sequence[Path]) -> list[BenchRow]:
    """Image tower: PyTorch eager, OpenVINO, and from files."""
    prepare = model.preparation

    def read(path: Path) -> torch.Tensor:
        return prepare.one(model.load_picture(path))

    ready = torch.stack([read(path) for path in files])
    works = {
        SUBJECT: Work(
            lambda: list(
                ahead(ready.split(BATCH), model.tower, model.tower_jobs, model.tower_jobs)
            ),
            len(ready),
        ),
        "from JPEG files, end to end": Work(lambda: model.image_tower(files), len(files)),
        "decoding and resizing alone": Work(
            lambda: list(ahead(files, read, 2 * BATCH)), len(files)
        ),
    }
    kilobytes = sum(path.stat().st_size for path in files) / len(files) / 1024
    section = f"image tower, {threads()} threads, JPEG files of {kilobytes:.0f} kB"
    with ExitStack() as opened:
        peers = {}
        for size, count in ((1, SLOW), (BATCH, 2 * SLOW)):
            asked = opened.enter_context(standing(__name__, "eager", size, count))
            peers[f"PyTorch eager, batches of {size}"] = Work(asked, count)
        return rows_of(section, works | peers, SUBJECT, "pictures")


def captions(model: GlassModel, count: int = 192) -> list[BenchRow]:
    """Text tower on captions of scenes, in batches of like length, against one after the other."""
    texts = [record.captions[0] for record in load_dataset("scenes").records[:count]]

    def singly() -> None:
        for text in texts[:SLOW]:
            model.text_tower([text])

    subject = "PyTorch, batches of like length"
    works = {
        subject: Work(lambda: model.text_tower(texts), len(texts)),
        "PyTorch, one after the other": Work(singly, SLOW),
    }
    return rows_of("text tower", works, subject, "captions", TEXT_ROUNDS)


def open_clip_tower(model: GlassModel, ready: int, files: Sequence[Path]) -> list[BenchRow]:
    """A tower of open_clip on its device: pictures that are there, and from files.

    Args:
        model: on a GPU it computes in bf16, as the kit embeds, on a CPU in fp32.
        ready: pictures that lie on the device.
        files: JPEG files.
    """
    device, prepare = model.device, model.preparation
    first = prepare.one(model.load_picture(files[0]))  # (H, W, 3) uint8
    pictures = torch.randint(0, 256, (ready, *first.shape), dtype=torch.uint8, device=device)

    def through(tower: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], None]:
        def call() -> None:
            with torch.inference_mode():
                kept = [tower(batch) for batch in pictures.split(BATCH_OF[device.type])]
                torch.cat(kept).cpu()

        return call

    def single(batch: torch.Tensor) -> torch.Tensor:
        return model.image_features(prepare.batch(batch, device))

    subject = f"{model.precision}, pictures on the device"
    works = {
        subject: Work(through(model.tower), ready),
        "fp32 without autocast, pictures on the device": Work(through(single), ready),
        f"{model.precision}, from JPEG files": Work(lambda: model.image_tower(files), len(files)),
        "decoding and resizing alone": Work(
            lambda: deque(ahead(files, lambda p: prepare.one(model.load_picture(p)), 64), maxlen=0),
            len(files),
        ),
    }
    section = f"image tower {model.name}, {device.type}, {threads()} threads that decode"
    return rows_of(section, works, subject, "pictures")


def rows() -> list[BenchRow]:
    """Rows of a CPU."""
    model = load_model("lite0-minilm", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        files = write_jpegs(Path(folder), [f"{number:04d}" for number in range(FILES)])
        return on_cpu(model, files) + captions(model)


def gpu_rows() -> list[BenchRow]:
    """Rows of a GPU: ViT-B-32 from random weights."""
    model = load_model("ViT-B-32/random", device="cuda")
    with tempfile.TemporaryDirectory() as folder:
        files = write_jpegs(Path(folder), [f"{number:05d}" for number in range(2048)])
        return open_clip_tower(model, 8192, files)
