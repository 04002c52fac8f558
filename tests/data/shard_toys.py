"""A small MAGIC data set of photographs on disk, and shards of it."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from glasskit.data import load_dataset, write_magic
from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import DatasetSource, pack
from tests.training.toys import SIDE, toy_dataset


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
    pack(DatasetSource(data), out, shard_size)
    return out


def rewritten(tar: Path, change) -> None:
    """Write a tar anew with ``change(name, data)`` -> data, or None to leave a member out."""
    with tarfile.open(tar) as old:
        members = [(member, old.extractfile(member).read()) for member in old]
    with tarfile.open(tar, "w") as new:
        for member, data in members:
            data = change(member.name, data)
            if data is not None:
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))
