"""Training in processes of their own, which a test may kill; they start fast from a fork server."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from glasskit.data.images import MissingImages
from glasskit.errors import InputError
from tests.training.toys import CONCEPTS, toy_dataset, toy_model, toy_run

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.training.workers"])


def run_toy(out: Path, *, tower_dropout: float = 0.0, **changes: Any) -> None:
    """A toy run in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    toy_run(out, model=toy_model(tower_dropout), **changes)
    torch.set_num_threads(threads)


def run_and_tell(out: Path, *, odd: str = "", **changes: Any) -> None:
    """A toy run that writes what it refuses or warns of to saidRANK.txt beside its directory.

    Args:
        out: the run directory.
        odd: what the second process has that the first has not: another "lr" or "negation", or
            "pictures" that are missing; or what both have: "five" concepts.
        changes: settings.
    """
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    data = toy_dataset(5 if odd == "five" else CONCEPTS)
    if rank == "1" and odd == "lr":
        changes |= {"lr": 0.02}
    if rank == "1" and odd == "negation":
        records = (replace(data.records[0], negation="nothing"), *data.records[1:])
        data = replace(data, records=records)
    if rank == "1" and odd == "pictures":
        data = replace(data, images=MissingImages("it was moved"))
    said: list[str] = []
    listener = logging.Handler(logging.WARNING)
    listener.addFilter(lambda record: "groups_per_batch" in record.getMessage())
    listener.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("glasskit").addHandler(listener)
    try:
        toy_run(out, dataset=data, **changes)
    except InputError as error:
        said.append(str(error))
    if said:
        (out.parent / f"said{rank}.txt").write_text("\n".join(said))


def start(out: Path, **changes: Any) -> BaseProcess:
    """A toy run in a process of its own."""
    process = CONTEXT.Process(target=run_toy, args=(out,), kwargs=changes)
    process.start()
    return process


def _rank(
    rank: int, world: int, port: int, work: Callable, out: Path, changes: dict[str, Any]
) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    work(out, **changes)


def start_world(
    world: int, out: Path, work: Callable = run_toy, **changes: Any
) -> list[BaseProcess]:
    """Work, by default a toy run, in several processes over gloo."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    args = [(rank, world, port, work, out, changes) for rank in range(world)]
    processes = [CONTEXT.Process(target=_rank, args=a) for a in args]
    for process in processes:
        process.start()
    return processes


def finish(*processes: BaseProcess, timeout: float = 120) -> None:
    """Wait for processes and fail where one did."""
    for process in processes:
        process.join(timeout)
        assert process.exitcode == 0, f"exit code {process.exitcode}"


def fingerprint(out: Path) -> dict[str, str]:
    """What a finished run comes to: a hash of every tensor that is kept, by file and name."""
    files = [out / "model.safetensors", max((out / "checkpoints").glob("step-*.safetensors"))]
    return {
        f"{file.name}: {name}": hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
        for file in files
        for name, tensor in load_file(file).items()
    }
