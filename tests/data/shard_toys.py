"""A small MAGIC data set of photographs on disk, and shards of it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from glasskit.data import load_dataset, write_magic
from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import pack
from glasskit.training import train
from tests.training.toys import SIDE, toy_config, toy_dataset, toy_model


def magic_folder(folder: Path, side: int = 4 * SIDE) -> GroupedDataset:
    """The toy data set as a MAGIC file with noisy JPEGs and PNGs beside it."""
    data = toy_dataset()
    (folder / "images").mkdir(parents=True)
    for number, record in enumerate(data.records):
        noise = np.random.default_rng(number).integers(0, 256, (side, side + 2, 3), dtype=np.uint8)
        picture = Image.blend(
            data.image(number).resize((side + 2, side)), Image.fromarray(noise), 0.3
        )
        picture.save(folder / "images" / f"{record.key}.{'png' if number % 5 == 0 else 'jpg'}")
    guided = tuple(replace(c, guide=f"what {c.name} is") for c in data.concepts)
    write_magic(replace(data, concepts=guided), folder / "toy.json")
    return load_dataset(folder / "toy.json")


def shards_of(data: GroupedDataset, out: Path, shard_size: int = 20) -> Path:
    """The data set packed; 66 pictures are 4 shards, the last one short."""
    pack(data, out, shard_size)
    return out


def tar_of(file: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    """A tar of files by their names."""
    with tarfile.open(file, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return file


def rewritten(tar: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write a tar anew with ``change(name, data)`` -> data, or None to leave a member out."""
    with tarfile.open(tar) as old:
        members = {member.name: old.extractfile(member).read() for member in old}
    changed = {name: change(name, data) for name, data in members.items()}
    tar_of(tar, {name: data for name, data in changed.items() if data is not None})


def train_on(out: Path, *, source: str, cache: Path, **changes: Any) -> None:
    """A toy run on whatever `load_dataset` makes of the source, in a process with this cache."""
    torch.set_num_threads(1)
    os.environ["GLASSKIT_CACHE"] = str(cache)
    config = toy_config(out, dataset=source, **changes)
    train(config, dataset=load_dataset(source), model=toy_model())
