"""The Accelerate engine of a run: device, precision, processes and trackers."""

from __future__ import annotations

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, is_tensorboard_available, is_wandb_available

from glasskit.errors import InputError
from glasskit.training.config import TrainConfig

ENGINES = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
"""Kinds of Accelerate engines that checkpoints are made for: every process has all weights."""


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
            f"{accelerator.distributed_type.value}: one process or data parallel (MULTI_GPU, "
            "MULTI_CPU) can train; change the accelerate settings"
        )
    if tracked is not None:
        settings = {k: v for k, v in config.as_dict().items() if v is not None}
        accelerator.init_trackers(
            "tensorboard" if tracked == "tensorboard" else "glasskit", settings
        )
    return accelerator
