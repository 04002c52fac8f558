"""What a run shows while it runs: a JSON line a step, curves, a progress bar and hooks.

log.jsonl has a line {"step", "epoch", "loss", "parts", "lr", "temperature", "pairs_per_second",
"time"} for a training step and {"step", "epoch", "val": {"loss", "top1", "acceptable_top1"}} for a
validation; the one of epoch 0 is of the model that the run began with. Notebooks and the app read
it live.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from glasskit.errors import InputError
from glasskit.io.places import write_text, writing
from glasskit.losses.batch import ObjectiveOutput
from glasskit.training.checkpoint import checkpoints
from glasskit.training.config import TrainConfig

Hook = Callable[[dict[str, Any]], None]
"""Called with a line of the log."""


class DivergedError(InputError):
    """The loss or a weight is no number any more; the line names the step and what is kept."""


class RunLogger:
    """Tells a run's numbers to all who listen, and stops it where one is no number.

    Numbers are read every few steps only, since reading one makes a GPU wait; the losses of all
    steps are kept on the device until then, so that the first bad one is named all the same.

    Args:
        accelerator: its trackers are told, and only its main process writes.
        out: the run directory.
        bar: whether to draw a progress bar.
        on_step, on_epoch: called with each line.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        out: Path,
        bar: bool = False,
        on_step: Hook | None = None,
        on_epoch: Hook | None = None,
    ) -> None:
        self.accelerator, self.out = accelerator, out
        self.on_step, self.on_epoch = on_step, on_epoch
        self.unread: list[Tensor] = []
        self.validated = ""
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            disable=not (bar and accelerator.is_main_process),
        )

    @contextmanager
    def opened(self, config: TrainConfig, step: int, total: int, pairs: int) -> Iterator[None]:
        """Log in this block; then everything is closed.

        Args:
            config: the settings of the run.
            step: steps done. Lines of later steps, which a killed run wrote after its last
                checkpoint, are dropped, as is a last line that is cut off; for 0 the log is new.
            total: steps of the whole run.
            pairs: pairs a step over all processes.
        """
        accelerator, path = self.accelerator, self.out / "log.jsonl"
        self.pairs = pairs
        self.every = config.log_every or (1 if accelerator.device.type == "cpu" else 10)
        self.task = self.bar.add_task("train", total=total, completed=step, epoch=0, text="")
        with ExitStack() as stack:
            if accelerator.is_main_process:
                kept = [line for line in read_log(path) if step and line["step"] <= step]
                write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
                self.file = stack.enter_context(path.open("a", encoding="utf-8"))
            if config.tracker != "none":
                settings = {k: v for k, v in config.as_dict().items() if v is not None}
                project = "tensorboard" if config.tracker == "tensorboard" else "glasskit"
                accelerator.init_trackers(project, settings)
            for tracker in accelerator.trackers:
                stack.callback(tracker.finish)
            stack.enter_context(self.bar)
            self.clock = time.perf_counter()
            yield

    def step(
        self, step: int, epoch: int, output: ObjectiveOutput, lr: float, temperature: Tensor | float
    ) -> None:
        """Take in a step; every few steps, tell its numbers.

        Raises:
            DivergedError: a loss since the last line is no number.
        """
        self.unread.append(output.total.detach())
        if step % self.every:
            return
        steps = len(self.unread)
        self._read_losses(step)
        now = time.perf_counter()
        line: dict[str, Any] = {
            "step": step,
            "epoch": epoch,
            "loss": float(output.total.detach()),
            "parts": {name: float(value.detach()) for name, value in output.parts.items()},
            "lr": lr,
            "temperature": float(temperature),
            "pairs_per_second": steps * self.pairs / max(now - self.clock, 1e-9),
            "time": time.time(),
        }
        self.clock = now
        names = ("loss", "lr", "temperature", "pairs_per_second")
        curves = {f"train/{name}": line[name] for name in names}
        curves |= {f"train/{name}": value for name, value in line["parts"].items()}
        self._tell(line, curves, self.on_step)

    def validation(self, step: int, epoch: int, scores: dict[str, float]) -> None:
        """Tell the scores of an epoch."""
        curves = {f"val/{name}": value for name, value in scores.items()}
        self._tell({"step": step, "epoch": epoch, "val": scores}, curves, self.on_epoch)
        self.validated = f"val {scores['loss']:.3f} top-1 {scores['acceptable_top1']:.1%}"
        self.clock = time.perf_counter()

    def check(self, step: int, weights: Iterable[Tensor]) -> None:
        """Before anything is written: every loss and every weight is a number.

        Raises:
            DivergedError: names the step.
        """
        self._read_losses(step)
        norms = torch._foreach_norm([weight.detach() for weight in weights])
        fine = torch.stack([norm.float() for norm in norms]).isfinite().all().float()
        if self.accelerator.reduce(fine, "mean") < 1:  # in all processes, or they would part
            self._diverged(step, "a weight is NaN or infinite")

    def _tell(self, line: dict[str, Any], curves: dict[str, float], hook: Hook | None) -> None:
        self.accelerator.log(curves, step=line["step"])
        if not self.accelerator.is_main_process:
            return
        with writing(self.out / "log.jsonl"):
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()  # a reader sees it at once
        if "loss" in line and not self.bar.disable:
            parts = " ".join(f"{name} {value:.3f}" for name, value in line["parts"].items())
            text = (
                f"loss {line['loss']:.3f} ({parts}) lr {line['lr']:.1e} "
                f"tau {line['temperature']:.3f} {line['pairs_per_second']:,.0f} pairs/s "
                f"{self.validated}"
            )
            self.bar.update(self.task, completed=line["step"], epoch=line["epoch"], text=text)
        if hook is not None:
            hook(line)

    def _read_losses(self, step: int) -> None:
        """Look at the losses since the last look, which end at a step."""
        losses = torch.stack(self.unread).tolist() if self.unread else []
        self.unread.clear()
        for place, loss in enumerate(losses, start=step - len(losses) + 1):
            if not math.isfinite(loss):
                self._diverged(place, f"the loss is {loss}")

    def _diverged(self, step: int, what: str) -> None:
        kept = checkpoints(self.out / "checkpoints")
        last = f"the last good checkpoint is {kept[-1]}" if kept else "no checkpoint was written"
        raise DivergedError(
            f"training diverged at step {step}: {what}; {last}; try a lower lr or precision fp32",
            everywhere=True,
        )


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The whole lines of a log, also while a run writes it; none where there is no file."""
    path = Path(path)
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is not whole
