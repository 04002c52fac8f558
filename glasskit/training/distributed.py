"""One process or several: the Accelerator of a run, and how its processes fail together."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import (
    DistributedType,
    gather_object,
    is_tensorboard_available,
    is_wandb_available,
)

from glasskit.errors import InputError, launched
from glasskit.training.config import TrainConfig

SUPPORTED = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
"""Kinds of Accelerate setups that training is made for."""

NUMBERS = ("RANK", "LOCAL_RANK", "MASTER_PORT")
"""What a launcher tells each of several processes besides WORLD_SIZE and MASTER_ADDR."""

TRACKERS = {"tensorboard": is_tensorboard_available, "wandb": is_wandb_available}

STATES = (PartialState, AcceleratorState, GradientState)
"""Accelerate has one of each in a process; a run needs its own device and precision."""


def start_accelerator(config: TrainConfig) -> Accelerator:
    """An Accelerator for the settings; under torchrun or accelerate launch, one of several.

    Raises:
        InputError: the precision or the tracker is not available here, or Accelerate does not see
            the processes that the launcher started.
    """
    on_gpu = torch.cuda.is_available() and config.device != "cpu"
    if config.precision == "fp16" and not on_gpu:
        raise InputError("precision fp16: needs a GPU; choose fp32 or bf16")
    if config.tracker != "none" and not TRACKERS[config.tracker]():
        raise InputError(f"tracker {config.tracker}: not installed; pip install {config.tracker}")
    world = launched()
    wrong = [name for name in NUMBERS if not os.environ.get(name, "").isdecimal()]
    if world > 1 and (wrong or "MASTER_ADDR" not in os.environ):  # they would wait for ever
        raise InputError(
            f"WORLD_SIZE is {world}, but {', '.join(wrong or ['MASTER_ADDR'])} not set or no "
            "number; start several processes with torchrun or accelerate launch, or unset "
            "WORLD_SIZE"
        )
    # An earlier run in this process may have had another device or precision. Processes that have
    # met stay together until they end: the launcher's store takes them no second time.
    met = dist.is_initialized()
    AcceleratorState._reset_state(reset_partial_state=not met)
    accelerator = Accelerator(
        cpu=not on_gpu,  # else Accelerate takes each of several CPU processes for the only one
        mixed_precision={"fp32": "no"}.get(config.precision, config.precision),
        log_with=None if config.tracker == "none" else config.tracker,
        project_dir=config.out,
        # Towers may have parameters that no output depends on.
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=config.mode != "head")
        ],
    )
    if dist.is_initialized() and not met:
        atexit.register(dist.destroy_process_group)
    if accelerator.distributed_type not in SUPPORTED:
        raise InputError(
            f"{accelerator.distributed_type.value}: training runs in one process or data parallel "
            "(MULTI_GPU, MULTI_CPU); change the accelerate settings"
        )
    started = dist.get_world_size() if dist.is_initialized() else 1
    if not accelerator.num_processes == started == world:
        raise InputError(
            f"{world} processes were launched (WORLD_SIZE), torch.distributed has {started}, "
            f"Accelerate {accelerator.num_processes}; start them with torchrun or accelerate "
            "launch",
            everywhere=True,
        )
    return accelerator


@contextmanager
def restored_state() -> Iterator[None]:
    """Give back torch's generators and, but between several processes, Accelerate's state."""
    before = [dict(state._shared_state) for state in STATES]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            if not dist.is_initialized():
                for state, values in zip(STATES, before, strict=True):
                    state._shared_state.clear()
                    state._shared_state.update(values)


@contextmanager
def agreed(accelerator: Accelerator) -> Iterator[None]:
    """What one process refuses in this block, all refuse, so that none waits for it for ever.

    There must be no exchange between processes inside the block; its end is one.

    Raises:
        InputError: in every process, the line of the first one that refused.
    """
    error = None
    try:
        yield
    except InputError as raised:
        error = raised
    if accelerator.num_processes > 1:
        told = gather_object([None if error is None else str(error)])
        line = next((line for line in told if line is not None), None)
        if line is not None:
            raise InputError(line, everywhere=True) from error
    if error is not None:
        raise error


def same_everywhere(accelerator: Accelerator, **facts: Any) -> None:
    """Refuse to train where the processes were given different things.

    Raises:
        InputError: in every process; names the first fact that differs and the process.
    """
    if accelerator.num_processes == 1:
        return
    told = gather_object([facts])
    for name in facts:
        for rank, theirs in enumerate(told):
            if theirs[name] != told[0][name]:
                raise InputError(
                    f"{name}: process {rank} has {theirs[name]!r}, process 0 has "
                    f"{told[0][name]!r}; start every process with the same settings and data",
                    everywhere=True,
                )


@contextmanager
def clear_errors(accelerator: Accelerator) -> Iterator[None]:
    """Say in one line that another process died or that memory is full, instead of a trace.

    Raises:
        InputError: the connection to another process is lost, or it did not answer in time; the
            memory of the device is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(
            "the memory of the device is full; raise accumulate, set gradient_checkpointing, or "
            "choose precision bf16, a smaller group_size or fewer groups_per_batch"
        ) from error
    except RuntimeError as error:
        lost = isinstance(error, dist.DistError) or "gloo" in str(error)
        if accelerator.num_processes == 1 or not lost:
            raise
        raise InputError(
            "another process of this run has ended or does not answer; see what it says, then go "
            "on with --resume"
        ) from error
