"""Where a run stands, and how that becomes a checkpoint and comes back from one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from glasskit.errors import InputError
from glasskit.training.checkpoint import (
    check_fits,
    checkpoints,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    save_checkpoint,
)
from glasskit.training.engine import agreed, same_everywhere
from glasskit.training.validation import Scores

if TYPE_CHECKING:
    from glasskit.training.trainer import Trainer


@dataclass
class RunState:
    """Place in the run. The epoch and the step in it follow from ``step``.

    Args:
        step: steps done.
        best: validation scores of the kept model.
        best_epoch: its epoch.
    """

    step: int = 0
    best: Scores | None = None
    best_epoch: int = 0

    def scores(self) -> dict[str, float] | None:
        """The best scores with their epoch, as plain numbers."""
        if self.best is None:
            return None
        return {"epoch": self.best_epoch, **self.best._asdict()}


def tensors_of(trainer: Trainer) -> dict[str, Tensor]:
    """Every tensor that a run needs to go on: weights, average, start of the decay."""
    tensors: dict[str, Tensor] = {f"weight.{n}": p for n, p in trainer.parameters.items()}
    tensors |= {f"start.{n}": t for n, t in trainer.start.weights.items()}
    if trainer.average is not None:
        tensors |= {f"average.{n}": t for n, t in trainer.average.weights.items()}
    return tensors


def save_state(trainer: Trainer) -> None:
    """Write a checkpoint of a run from its main process; the others wait.

    Raises:
        InputError: in every process, where it can't be written.
    """
    with agreed(trainer.accelerator):
        if trainer.accelerator.is_main_process:
            _write_state(trainer)


def _write_state(trainer: Trainer) -> None:
    scaler = trainer.accelerator.scaler
    state: dict[str, Any] = {
        "step": trainer.state.step,
        "best": trainer.state.scores(),
        "data": trainer.data,
        "config": trainer.config.kept(),
        "scaler": None if scaler is None else scaler.state_dict(),
    }
    save_checkpoint(
        trainer.out / "checkpoints",
        trainer.state.step,
        tensors_of(trainer) | optimizer_tensors(trainer.optimizer),
        state,
        trainer.config.keep_last,
    )


def load_state(trainer: Trainer) -> bool:
    """Bring a run back to its last checkpoint; False where it has none yet.

    Raises:
        InputError: in every process: the checkpoint is damaged, of another architecture, or the
            settings, the data or the model are not those that it was written with; names what
            differs.
    """
    with agreed(trainer.accelerator):
        kept = checkpoints(trainer.out / "checkpoints")[-1:]
    same_everywhere(trainer.accelerator, checkpoint=[path.name for path in kept])
    with agreed(trainer.accelerator):
        for path in kept:
            _read_state(trainer, path)
    return bool(kept)


def _read_state(trainer: Trainer, path: Path) -> None:
    tensors, state = read_checkpoint(path)
    changed = trainer.config.differences(state["config"])
    if changed:
        name = changed[0]
        raise InputError(
            f"{path}: cannot go on with another {name}: it was {state['config'].get(name)!r}, now "
            f"{getattr(trainer.config, name)!r}; give the old value or another directory"
        )
    own = tensors_of(trainer)
    optimizer = {n: t for n, t in tensors.items() if n.startswith("optimizer.")}
    check_fits(path, {n: t for n, t in tensors.items() if n not in optimizer}, own)
    was, now = state["data"], trainer.data
    other = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if other:
        raise InputError(
            f"{path}: what the run learns from has changed since: {', '.join(other)}; bring back "
            "what it was, or train anew in another directory"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
    restore_optimizer(trainer.optimizer, optimizer)
    if state["scaler"] is not None and trainer.accelerator.scaler is not None:
        trainer.accelerator.scaler.load_state_dict(state["scaler"])
    best = state["best"]
    trainer.state.step = state["step"]
    if best is not None:
        trainer.state.best_epoch = best["epoch"]
        trainer.state.best = Scores(best["loss"], best["top1"], best["acceptable_top1"])
