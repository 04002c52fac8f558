"""Tiny data, models and runs: a real GlassModel on towers of a few numbers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from torch import Tensor, nn

from glasskit.data.grouped import GroupedDataset
from glasskit.data.schema import Concept, Record
from glasskit.models import load_model
from glasskit.models.glass_model import GlassModel
from glasskit.models.heads import ResidualMap
from glasskit.training import TrainConfig, TrainResult, train

CONCEPTS, TRAIN, VAL = 6, 8, 3
WIDTH = 12
SIDE = 6
"""Pixels of a side of the toy pictures."""


class ToyImages:
    """Pictures of one colour a concept with a little noise, drawn by key."""

    def open(self, key: str) -> Image.Image:
        concept, number = (int(part) for part in key.split("-"))
        rng = np.random.default_rng((concept, number))
        base = np.random.default_rng(concept).integers(40, 216, 3)
        noise = rng.integers(-30, 31, (SIDE, SIDE, 3))
        return Image.fromarray((base + noise).clip(0, 255).astype(np.uint8))

    def fingerprint(self, key: str) -> str:
        return key


def toy_dataset(concepts: int = CONCEPTS, train: int = TRAIN, val: int = VAL) -> GroupedDataset:
    """Concepts with train and val records, each with three captions and a negation."""
    names = [f"concept {i}" for i in range(concepts)]
    taxonomy = tuple(
        Concept((name, "all", None, None), "", (names[(i + 1) % concepts],))
        for i, name in enumerate(names)
    )
    records = tuple(
        Record(
            f"{i}-{k}",
            (names[i],),
            (f"a plain scene {i} number {k}", f"scene {i} seen as {k}"),
            (f"the mood of {i} in {k}",),
            also=(names[(i + 1) % concepts],) if k == 0 else (),
            negation=f"no scene {i} in {k}",
            split="train" if k < train else "val",
        )
        for i in range(concepts)
        for k in range(train + val)
    )
    return GroupedDataset("toy", taxonomy, records, ToyImages())


class ToyVisual(nn.Module):
    """Pixels to WIDTH features; keeps a grid of patch tokens as a vision transformer does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 2, stride=2)
        self.drop = nn.Dropout(0.0)
        self.proj = nn.Parameter(torch.eye(WIDTH) + 0.1 * torch.randn(WIDTH, WIDTH))
        self.gain = nn.Parameter(torch.ones(WIDTH))

    def grid(self, pixels: Tensor) -> Tensor:
        """(n, P, WIDTH)"""
        return self.drop(torch.tanh(self.conv(pixels))).flatten(2).transpose(1, 2) * self.gain

    def forward(self, pixels: Tensor) -> Tensor:
        return self.grid(pixels).mean(1) @ self.proj

    def forward_intermediates(self, pixels: Tensor, **_: Any) -> dict[str, Any]:
        return {"image_intermediates": [self.grid(pixels)]}


class ToyClip(nn.Module):
    """What GlassModel asks of an open_clip model."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = ToyVisual()
        self.token_embedding = nn.Embedding(256, WIDTH)
        self.text_projection = nn.Parameter(torch.randn(WIDTH, WIDTH) / WIDTH**0.5)
        self.logit_scale = nn.Parameter(torch.tensor(np.log(1 / 0.07)).float())

    def encode_image(self, pixels: Tensor) -> Tensor:
        return self.visual(pixels)

    def encode_text(self, tokens: Tensor) -> Tensor:
        return torch.tanh(self.token_embedding(tokens).mean(1)) @ self.text_projection


def tokenise(texts: list[str]) -> Tensor:
    """(n, 32) bytes of each text."""
    rows = [list(text.encode()[:32].ljust(32)) for text in texts]
    return torch.tensor(rows, dtype=torch.long)


class Preprocess:
    """Has the same text in every process, which a function has not: the model's hash is of it."""

    def __call__(self, picture: Image.Image) -> Tensor:
        """(3, SIDE, SIDE) in -1 .. 1."""
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()

    def __repr__(self) -> str:
        return "pixels in -1 .. 1"


def toy_model(dropout: float = 0.0) -> GlassModel:
    """A model with the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        clip = ToyClip()
        heads = ResidualMap(WIDTH), ResidualMap(WIDTH)
    clip.visual.drop.p = dropout
    return GlassModel(
        name="toy",
        clip=clip,
        preprocess=Preprocess(),
        tokenizer=tokenise,
        image_head=heads[0],
        text_head=heads[1],
        image_width=WIDTH,
    ).eval()


TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 32, "width": 32, "heads": 2, "layers": 2},
}


def tiny_open_clip() -> GlassModel:
    """A small vision transformer of open_clip, with the same random weights every time."""
    register_tiny("toy-vit", words=256)
    model = load_model("toy-vit/random", device="cpu")
    model.tokenizer = tokenise  # bytes, for so small a vocabulary
    return model


def register_tiny(name: str, words: int = 49408) -> None:
    """Tell open_clip of the small architecture, by default with the vocabulary of its tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.json"
        file.write_text(json.dumps(TINY | {"text_cfg": TINY["text_cfg"] | {"vocab_size": words}}))
        open_clip.add_model_config(file)


def save_pictures(dataset: GroupedDataset, folder: Path) -> Path:
    """The pictures of a data set as files, each named by its record's key."""
    folder.mkdir(parents=True)
    for row, record in enumerate(dataset.records):
        dataset.image(row).save(folder / f"{record.key}.png")
    return folder


def toy_config(out: Path, **changes: Any) -> TrainConfig:
    """A run of 3 epochs of a few steps."""
    values = {
        "out": str(out),
        "epochs": 3,
        "groups_per_batch": 4,
        "group_size": 3,
        "lr": 0.01,
        "device": "cpu",
        "tracker": "none",
        "workers": 0,
    }
    return TrainConfig.load(**{**values, **changes})


HOOKS = ("bar", "progress", "on_step", "on_epoch", "stop")


def toy_run(
    out: Path,
    *,
    dataset: GroupedDataset | None = None,
    model: GlassModel | None = None,
    **more: Any,
) -> TrainResult:
    """Train with `toy_config`, on the toy data and the toy model where no other is given.

    Args:
        out: the run directory.
        dataset, model: as of `train`.
        more: hooks of `train` and settings.
    """
    hooks = {name: more.pop(name) for name in HOOKS if name in more}
    dataset = toy_dataset() if dataset is None else dataset
    model = toy_model() if model is None else model
    return train(toy_config(out, **more), dataset=dataset, model=model, **hooks)
