"""What a large run takes: hours, machine-hours and disk, from rates that were measured.

Every number says where it is from: a rate that `make bench` measured, one that you measured
yourself, or an assumption that nobody has measured here. The last are for orders of magnitude.

n pictures, F width of tower features, L width of vectors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from glasskit.errors import InputError

COLLECTIONS = {
    "COCO train2017": 118_287,
    "CC12M": 12_423_374,
    "LAION-400M": 400_000_000,
    "LAION-2B": 2_000_000_000,
}
"""Pictures of public collections; of those on the web a share can no longer be fetched."""

CPU_RATE = 95.0
"""Pictures a second through lite0-minilm, end to end from JPEG files, on 2 cores of a shared
machine: what `make bench` measured, 70 to 117 as busy as the machine was (91 and 74 in the two
kept runs), on JPEGs of 256 to 640 pixels, 80 kB each."""

READ_RATE = 170.0
"""Such JPEGs that one core decodes and resizes to 224 pixels in a second: measured there too, when
the machine was at rest (129 and 116 in the two kept runs, with both cores at it)."""

RECORD_BYTES = 3800
"""Memory that a process which trains whole towers on shards needs for a record: 1.5 kB for its
texts and its place, 1.8 kB for the tokens of three captions, the rest in passing; measured on
100,000 records."""

PAIR_FLOPS = 14.8e9
"""ViT-B-32 forward, a picture and a caption: open_clip's own count."""

NOMINAL = {"T4": 65e12, "L4": 121e12, "A100": 312e12, "H100": 989e12}
"""Operations a second in half precision that the makers of GPUs state."""

REACHED = 1 / 3
"""Share of the nominal speed that training is assumed to reach; an assumption."""

FLOAT = 4


def arithmetic_seconds(pairs: float, gpu: str, share: float = REACHED) -> float:
    """Seconds that one GPU computes to train a ViT-B-32 on so many pairs, each counted as it comes.

    pairs x ``PAIR_FLOPS`` x 3 (a backward costs two forwards) / (nominal speed x share).
    """
    if gpu not in NOMINAL:
        raise InputError(f"GPU {gpu!r}: choose one of {', '.join(NOMINAL)}")
    return pairs * PAIR_FLOPS * 3 / (NOMINAL[gpu] * share)


def reading_seconds(pictures: float, cores: int, rate: float = READ_RATE) -> float:
    """Seconds that so many cores decode and resize JPEGs for it."""
    return pictures / (rate * cores)


@dataclass(frozen=True)
class Setting:
    """What a plan is made for.

    Args:
        rate: pictures a second that one machine embeds.
        origin: where that number is from, in words.
        machines: that work side by side, each on its own shards.
        features: F. vectors: L.
        kilobytes: of a picture's file.
        shard_size: pictures a shard.
        gpu: a name of ``NOMINAL``. gpus: of them. epochs: of training a ViT-B-32 on all pictures.
    """

    rate: float = CPU_RATE
    origin: str = "measured: 2 cores, lite0-minilm, end to end from JPEG files"
    machines: int = 1
    features: int = 1280
    vectors: int = 384
    kilobytes: float = 80.0
    shard_size: int = 10_000
    gpu: str = "A100"
    gpus: int = 8
    epochs: int = 10

    def __post_init__(self) -> None:
        for name in ("rate", "machines", "kilobytes", "shard_size", "gpus", "epochs"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: {getattr(self, name)} must be above 0")


class Plan(NamedTuple):
    """One collection.

    Attributes:
        name: of it. pictures: n.
        hours: to embed it once on all machines; machine_hours: all machines together.
        features, vectors, shards: bytes of n x F and n x L float32, and of the pictures in tars.
        tars: how many.
        train_hours: arithmetic of ``epochs`` on all GPUs, an assumption.
        memory: bytes of records that each process holds which trains on shards; embedding streams.
    """

    name: str
    pictures: int
    hours: float
    machine_hours: float
    features: int
    vectors: int
    shards: int
    tars: int
    train_hours: float
    memory: int


def plan(name: str, pictures: int, setting: Setting) -> Plan:
    """What a collection takes."""
    machine_hours = pictures / setting.rate / 3600
    trained = arithmetic_seconds(pictures * setting.epochs, setting.gpu) / setting.gpus
    return Plan(
        name,
        pictures,
        machine_hours / setting.machines,
        machine_hours,
        pictures * setting.features * FLOAT,
        pictures * setting.vectors * FLOAT,
        round(pictures * setting.kilobytes * 1000),
        -(-pictures // setting.shard_size),
        trained / 3600,
        pictures * RECORD_BYTES,
    )


def count_of(text: str) -> int:
    """118287, 118k, 12.4M or 2B as a number.

    Raises:
        InputError: it is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMB]?)", text.strip().replace(",", ""))
    if match is None or not float(match[1]):
        raise InputError(f"{text!r}: no number of pictures; write 118287, 118k, 12M or 2B")
    return round(float(match[1]) * {"": 1, "k": 10**3, "M": 10**6, "B": 10**9}[match[2]])


def lines(plans: Sequence[Plan]) -> list[tuple[str, ...]]:
    """What to show of plans: a line for each quantity, its name and then one cell for each plan."""
    columns = [
        (
            f"{p.pictures:,}",
            duration(p.hours),
            duration(p.machine_hours),
            amount(p.features),
            amount(p.vectors),
            amount(p.shards),
            f"{p.tars:,}",
            duration(p.train_hours),
            amount(p.memory),
        )
        for p in plans
    ]
    names = (
        "pictures",
        "embedding takes",
        "machine time",
        "features",
        "vectors",
        "shards",
        "tars",
        "training takes",
        "memory to train",
    )
    return list(zip(names, *columns, strict=True))


def notes(setting: Setting) -> list[str]:
    """What the numbers of a table rest on, a line each."""
    machines = f"{setting.machines} machine{'s' if setting.machines > 1 else ''}"
    return [
        f"embedding: once, on {machines}, {setting.rate:g} pictures a second each "
        f"({setting.origin})",
        f"features {setting.features} and vectors {setting.vectors} numbers of float32 a picture; "
        f"shards at {setting.kilobytes:g} kB a picture (an assumption: yours may differ)",
        f"training: {setting.epochs} epochs of a whole ViT-B-32 on {setting.gpus} x {setting.gpu}, "
        f"arithmetic at a third of its nominal speed: an assumption, not measured; "
        "reading may take longer",
        f"memory to train: {RECORD_BYTES / 1000:g} kB a record, in each process: measured on "
        "records with three captions; embedding streams, and takes as much for any number",
    ]


def duration(hours: float) -> str:
    """Hours in the unit that people would say it in."""
    for limit, unit, size in ((1, "min", 1 / 60), (48, "h", 1), (24 * 730, "days", 24)):
        if hours < limit:
            value = hours / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{hours / 8766:,.1f} years"


def amount(size: float) -> str:
    """Bytes in the unit that people would say it in."""
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 1000 or unit == "TB":
            break
    return f"{size:.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"
