"""What a training step costs beyond the arithmetic that it cannot do without.

Cached features: a step of the trainer (heads, grouped loss, clipping, AdamW, decay toward the
start) with the heads of lite0-minilm, against its heads and loss alone.

On a GPU: ViT-B-32 from random weights, 512 and 4,096 pairs, bf16, the trainer with the grouped loss
against the same trainer with open_clip's ClipLoss, on pictures that are on the device already and
on pictures that are loaded from JPEG files by threads, an epoch of a few steps at a time with the
start of the threads in it. 4,096 pairs are encoded in 8 parts (GradCache), for both losses.

Run: python -m tests.benchmarks training (CPU) or gpu-training
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import FolderImages
from glasskit.data.schema import Concept, Record
from glasskit.losses.batch import GroupedBatch, ObjectiveOutput
from glasskit.models import GlassModel, load_model
from glasskit.models.stream import threads
from glasskit.training import TrainConfig
from glasskit.training.batches import grouped
from glasskit.training.distributed import start_accelerator
from glasskit.training.loaders import Step
from glasskit.training.run import build_trainer
from glasskit.training.run_log import RunLogger
from glasskit.training.trainer import Trainer
from tests.benchmarks.embedding import write_jpegs
from tests.benchmarks.table import BenchRow, rows_in_turns
from tests.tools.shipped_features import write_bundled

SHAPES = ((8, 5), (32, 16))
ROUNDS, TOWER_ROUNDS = 15, 5
SUBJECT, PEER = "glasskit trainer", "same loop, open_clip ClipLoss"
ALONE = "heads and loss, forward and backward"
CONCEPTS, EACH = 64, 16


def synthetic(folder: Path, count: int = CONCEPTS, each: int = EACH) -> GroupedDataset:
    """Concepts of so many records each; pictures are expected in ``folder``."""
    concepts = tuple(Concept((f"concept {c}", None, None, None)) for c in range(count))
    records = tuple(
        Record(f"{c}-{i}", (f"concept {c}",), (f"plain sentence {i} of {c}", f"{i} seen in {c}"))
        for c in range(count)
        for i in range(each)
    )
    return GroupedDataset("synthetic", concepts, records, FolderImages(folder))


def with_features(data: GroupedDataset, model: GlassModel, file: Path) -> GroupedDataset:
    """The data set with features of its pictures that are drawn at random, and no pictures."""
    keys = [record.key for record in data.records]
    rows = torch.rand(len(keys), model.image_width, generator=torch.Generator().manual_seed(0))
    write_bundled(file, model.tower_hash, keys, rows)
    return replace(data, features=file)


@contextmanager
def trainer_for(
    data: GroupedDataset, folder: Path, model: GlassModel, groups: int, members: int, **more: Any
) -> Iterator[Trainer]:
    """A trainer on synthetic data, without validation and trackers."""
    settings = {
        "out": str(folder / "run"),
        "groups_per_batch": groups,
        "group_size": members,
        "validation_share": 0.0,
        "tracker": "none",
        "epochs": 1000,
        **more,
    }
    config = TrainConfig.load(**settings)
    accelerator = start_accelerator(config)
    log = RunLogger(accelerator, folder / "run")
    trainer = build_trainer(config, accelerator, data, model, log)
    trainer.encoder.train()
    with trainer.logging():
        yield trainer


class PlainClip(nn.Module):
    """open_clip's ClipLoss as an objective of the same trainer."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        from open_clip.loss import ClipLoss

        self.loss = ClipLoss()
        self.register_buffer("scale", torch.tensor(1 / temperature))

    def forward(self, batch: GroupedBatch) -> ObjectiveOutput:
        image, text = batch.image.flatten(0, 1), batch.text.flatten(0, 1)
        return ObjectiveOutput(self.loss(image.float(), text.float(), self.scale), {})


def loss_only(trainer: Trainer, step: Step) -> Callable[[], None]:
    """Heads, loss and their gradients, without clipping, optimizer, decay or log."""

    def run() -> None:
        encoded = trainer.encoder(step.images, step.texts)
        total = trainer.objective(grouped(encoded, step.rows)).total
        torch.autograd.grad(total, list(trainer.parameters.values()))

    return run


def heads(model: GlassModel) -> list[BenchRow]:
    """Steps of mode head against what they cannot do without."""
    rows = []
    for groups, members in SHAPES:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            folder = Path(name)
            data = with_features(synthetic(folder), model, folder / "features.safetensors")
            trainer = stack.enter_context(
                trainer_for(data, folder, model, groups, members, device="cpu")
            )
            steps = cycle(list(trainer.loader.epoch(0)))
            calls = {
                ALONE: loss_only(trainer, next(steps)),
                SUBJECT: lambda t=trainer, s=steps: t.train_step(next(s)),
            }
            section = f"head training, {groups} groups of {members}, cpu"
            unit = f"steps of {groups * members} pairs"
            rows += rows_in_turns(section, calls, ROUNDS, ALONE, unit=unit)
    return rows


@dataclass(frozen=True)
class Towers:
    """What whole towers are trained with: ``steps`` batches an epoch, M groups of N pairs each.

    ``steps`` is even: a concept then has whole groups of pictures. ``from_files``: with rows for
    loading too.
    """

    model: str = "ViT-B-32/random"
    groups: int = 32
    members: int = 16
    steps: int = 10
    precision: str = "bf16"
    device: str = "auto"
    workers: int = 8
    accumulate: int = 1
    from_files: bool = True

    @property
    def pairs(self) -> int:
        """Pairs of a batch."""
        return self.groups * self.members

    def title(self, pictures: str) -> str:
        """The section of the rows."""
        parts = f" in {self.accumulate} parts" if self.accumulate > 1 else ""
        name = self.model.partition("/")[0]
        return f"training {name}, {self.pairs:,} pairs{parts}, {self.precision}, {pictures}"


def towers(rounds: int, size: Towers) -> Iterator[BenchRow]:
    """Steps with towers: grouped loss against ClipLoss, without and with loading."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        data = synthetic(folder, 2 * size.groups, size.steps * size.members // 2)
        write_jpegs(folder, [record.key for record in data.records])
        trainers = {}
        for loss in (SUBJECT, PEER):
            settings = {
                "mode": "full",
                "lr": 1e-5,
                "precision": size.precision,
                "device": size.device,
                "workers": size.workers,
                "accumulate": size.accumulate,
            }
            trainers[loss] = stack.enter_context(
                trainer_for(
                    data, folder, load_model(size.model), size.groups, size.members, **settings
                )
            )
        plain = trainers[PEER]
        plain.objective = PlainClip(plain.config.temperature).to(plain.accelerator.device)
        assert len(trainers[SUBJECT].loader.batches) == size.steps
        loader = trainers[SUBJECT].loader
        step = next(iter(loader.epoch(0)))

        def loaded(trainer: Trainer) -> Iterable[Step]:
            return trainer.loader.epoch(trainer.done // size.steps)

        ready = {
            loss: lambda trainer=trainer: _synchronised(trainer, [step] * size.steps)
            for loss, trainer in trainers.items()
        }
        from_files = {
            loss: lambda trainer=trainer: _synchronised(trainer, loaded(trainer))
            for loss, trainer in trainers.items()
        }
        from_files["loading alone"] = lambda: deque(loader.epoch(0), maxlen=0)
        kinds = [("pictures on the device", rounds, ready)]
        if size.from_files:
            kinds.append((f"JPEG files by {size.workers} threads", max(rounds // 2, 2), from_files))
        for pictures, count, calls in kinds:
            items = dict.fromkeys(calls, float(size.steps * size.pairs))
            title = size.title(pictures)
            yield from rows_in_turns(title, calls, count, SUBJECT, items=items, unit="pairs")


def _synchronised(trainer: Trainer, steps: Iterable[Step]) -> None:
    for step in steps:
        trainer.train_step(step)
    trainer.log.unread.clear()
    if trainer.accelerator.device.type == "cuda":
        torch.cuda.synchronize()


def rows() -> list[BenchRow]:
    """Rows of a CPU."""
    return heads(load_model("lite0-minilm", device="cpu"))


def gpu_rows() -> Iterator[BenchRow]:
    """Rows of a GPU."""
    yield from towers(TOWER_ROUNDS, Towers(workers=threads()))
    # In 8 parts (GradCache), for both losses: each part is encoded twice.
    large = Towers(groups=256, steps=2, workers=threads(), accumulate=8, from_files=False)
    yield from towers(TOWER_ROUNDS // 2 + 1, large)
