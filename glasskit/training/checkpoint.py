"""Checkpoints: written whole or not at all, and read back on resume; one safetensors file each.

A file ``checkpoints/step-00000120.safetensors`` holds every tensor (weights, optimizer, average)
by name, and in its header, as JSON, the rest: place in the run, scaler, best scores, settings. No
state of a random generator is needed: every draw of a step is seeded by (seed, step).
Nothing is ever pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from glasskit.errors import InputError
from glasskit.io.places import atomic_write
from glasskit.models.loading import difference

FORMAT = "glasskit-checkpoint/2"
PATTERN = "step-*.safetensors"


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any], keep: int
) -> Path:
    """Write the checkpoint of a step and remove all but the last ``keep``.

    Args:
        folder: made where it is missing.
        step: steps done.
        tensors: by name, on any device.
        state: JSON values.
        keep: how many files stay.

    Returns:
        The file.

    Raises:
        InputError: it can't be written, such as on a full disk; those before it are still there.
    """
    path = folder / f"step-{step:08d}.safetensors"
    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    metadata = {"format": FORMAT, "state": json.dumps(dict(state))}
    try:
        with atomic_write(path) as scratch:
            save_file(plain, scratch, metadata=metadata)
    except InputError as error:
        there = checkpoints(folder)
        kept = f"{there[-1].name} is kept" if there else "there is none before it"
        raise InputError(f"{error}; {kept}; make room, then go on with --resume") from error
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted(folder.glob(PATTERN))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state of a checkpoint.

    Raises:
        InputError: the file is missing, cut off, a pickle, or not one of ours.
    """
    advice = "remove it to go on from the one before, or train anew"
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a whole checkpoint ({error}); pickles are never loaded; {advice}"
        ) from error
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of Glass Kit ({FORMAT}); {advice}")
    return tensors, json.loads(metadata["state"])


def check_fits(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise InputError where the tensors are not those of this model, mode and objective."""
    if said := difference(found, expected):
        raise InputError(f"{path}: {said}; it is of another architecture, mode or objective")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimizer whose groups carry ``names``, as "optimizer.NAME:KEY"."""
    return {
        f"optimizer.{name}:{key}": value
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the state that `optimizer_tensors` took, each where its parameter is."""
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            prefix = f"optimizer.{name}:"
            optimizer.state[parameter] = {
                key.removeprefix(prefix): value.to(parameter.device, copy=True)
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
