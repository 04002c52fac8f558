"""What several processes do with shards, each started as a launcher would start it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from glasskit.analysis import stream_export
from glasskit.data import load_dataset
from glasskit.training import train
from tests.training.toys import toy_config, toy_model
from tests.training.workers import CONTEXT

CONTEXT.set_forkserver_preload(["tests.training.workers", "tests.data.shard_workers"])
CACHES = ("GLASSKIT_CACHE", "HF_HOME")


def embed(source: str, out: Path, kill_after: int = 0) -> None:
    """Embed in small blocks; a process that is to be killed ends in the middle of a shard."""
    torch.set_num_threads(1)
    seen = 0

    def progress(done: int, total: int) -> None:
        nonlocal seen
        seen += 1
        if kill_after and seen == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    model = toy_model()
    batches = model.image_batches
    model.image_batches = lambda items, load: batches(items, load, 4)
    with patch.object(stream_export, "BLOCK", 4):
        stream_export.embed_stream(
            model, source, out, captions=True, dtype="float32", progress=progress
        )


def train_on(source: str, out: Path, changes: dict[str, Any]) -> None:
    """A toy run on whatever `load_dataset` makes of the source."""
    torch.set_num_threads(1)
    config = toy_config(out, dataset=source, **changes)
    train(config, dataset=load_dataset(source), model=toy_model())


def _rank(
    rank: int, world: int, port: int, caches: dict[str, str], work: Callable, arguments: tuple
) -> None:
    os.environ |= caches | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    work(*arguments)


def launch(world: int, work: Callable[..., None], *arguments: Any) -> list[BaseProcess]:
    """Start as many processes over gloo."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The fork server has the environment of its own start.
    caches = {name: os.environ[name] for name in CACHES if name in os.environ}
    processes = [
        CONTEXT.Process(target=_rank, args=(rank, world, port, caches, work, arguments))
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    return processes
