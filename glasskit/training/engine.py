"""The Accelerate engine of a run: device, precision, processes and trackers."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import (
    DistributedType,
    is_tensorboard_available,
    is_wandb_available,
    parse_flag_from_env,
    patch_environment,
)

from glasskit.errors import InputError
from glasskit.training.config import TrainConfig

ENGINES = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
"""Kinds of Accelerate engines that training is made for."""

FSDP = "ACCELERATE_USE_FSDP"
"""Set by ``accelerate launch --use_fsdp``."""


def as_launched(config: TrainConfig) -> TrainConfig:
    """The settings, with ``shard`` set where the launcher asks for it.

    Raises:
        InputError: it asks for a kind of FSDP that is not to be had.
    """
    if not parse_flag_from_env(FSDP):
        return config
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise InputError("FSDP 1 is not supported; give accelerate launch --fsdp_version 2")
    if parse_flag_from_env("FSDP_OFFLOAD_PARAMS"):
        raise InputError("FSDP with weights on the host is not supported; turn off offload_params")
    return config.but(shard=True)


def start_engine(config: TrainConfig) -> Accelerator:
    """An Accelerator for the settings; under torchrun or accelerate launch, one of several.

    Raises:
        InputError: the precision or the tracker is not to be had here.
    """
    on_gpu = torch.cuda.is_available() and config.device != "cpu"
    if config.precision == "fp16" and not on_gpu:
        raise InputError("precision fp16: needs a GPU; choose fp32 or bf16")
    have = {"tensorboard": is_tensorboard_available, "wandb": is_wandb_available}
    if config.tracker != "none" and not have[config.tracker]():
        raise InputError(f"tracker {config.tracker}: not installed; pip install {config.tracker}")
    if not torch.distributed.is_initialized():
        # An earlier run in this process may have had another device or precision.
        AcceleratorState._reset_state(reset_partial_state=True)
    tracked = None if config.tracker == "none" else config.tracker
    # `sharding` splits the model, so that Accelerate itself is to start as for a copy in each.
    with patch_environment(**{FSDP: "false"}):
        accelerator = Accelerator(
            cpu=config.device == "cpu",
            mixed_precision={"fp32": "no"}.get(config.precision, config.precision),
            log_with=tracked,
            project_dir=config.out,
            # Towers may have parameters that no output depends on.
            kwargs_handlers=[
                DistributedDataParallelKwargs(find_unused_parameters=config.mode != "head")
            ],
        )
    if accelerator.distributed_type not in ENGINES:
        raise InputError(
            f"{accelerator.distributed_type.value}: one process, data parallel (MULTI_GPU, "
            "MULTI_CPU) or FSDP can train; change the accelerate settings"
        )
    if config.shard and accelerator.num_processes == 1:
        raise InputError("shard: there is one process only; start several with torchrun, or unset")
    if tracked is not None:
        settings = {k: v for k, v in config.as_dict().items() if v is not None}
        accelerator.init_trackers(
            "tensorboard" if tracked == "tensorboard" else "glasskit", settings
        )
    return accelerator
