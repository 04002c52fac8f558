"""Training in processes of their own, which a test may kill; they start fast from a fork server."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from glasskit.training import train
from tests.training.toys import (
    tiny_open_clip,
    toy_config,
    toy_dataset,
    toy_features,
    toy_model,
)

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.training.workers"])


def run_toy(out: Path, *, tiny: bool = False, **changes: Any) -> None:
    """A toy run in this process, of the toy model or of a tiny one of open_clip."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = toy_config(out, **changes)
    model = tiny_open_clip() if tiny else toy_model()
    train(config, dataset=toy_dataset(), model=model, features=toy_features())
    torch.set_num_threads(threads)


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
    """What a finished run comes to: a hash of the kept model and of the last checkpoint."""
    files = [out / "model.safetensors", max((out / "checkpoints").glob("step-*.safetensors"))]
    return {file.name: _hash(file) for file in files}


def _hash(file: Path) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(load_file(file).items()):
        digest.update(name.encode() + tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
