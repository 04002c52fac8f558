"""What is seen of a run (log.jsonl, trackers, bar, hooks), and what must not go unseen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from glasskit.losses.batch import ObjectiveOutput
from glasskit.training.checkpoint import checkpoints
from glasskit.training.log import Bar, JsonLog, flat
from glasskit.training.optim import all_finite
from glasskit.training.result import DivergedError

Hook = Callable[[dict[str, Any]], None]
"""Called with a line of the log."""


class Watch:
    """Tells a run's numbers to all who listen, and stops it where one is no number.

    Numbers are read every few steps only, since reading one makes a GPU wait; the losses of all
    steps are kept on the device until then, so that the first bad one is named all the same.

    Args:
        out: the run directory.
        accelerator: its trackers are told, and only its main process writes.
        every: steps between lines.
        pairs: pairs a step over all processes.
        bar: whether to draw a progress bar.
        on_step, on_epoch: called with each line.
    """

    def __init__(
        self,
        out: Path,
        accelerator: Accelerator,
        every: int,
        pairs: int,
        bar: bool = False,
        on_step: Hook | None = None,
        on_epoch: Hook | None = None,
    ) -> None:
        self.out, self.accelerator = out, accelerator
        self.every, self.pairs, self.drawn = every, pairs, bar
        self.on_step, self.on_epoch = on_step, on_epoch
        self.unread: list[Tensor] = []

    def opened(self, done: int, total: int, resumed: bool) -> Watch:
        """Begin to watch at a step of so many: ``with watch.opened(...)``."""
        self.bar = Bar(total, done, self.drawn)
        if self.accelerator.is_main_process:
            self.log = JsonLog(self.out / "log.jsonl", done if resumed else None)
        return self

    def __enter__(self) -> Watch:
        self.bar.__enter__()
        self.clock = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.__exit__(kind, error, trace)
        if self.accelerator.is_main_process:
            self.log.close()

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
        self.look(step)
        now = time.perf_counter()
        line = {
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
        self.tell(line, self.on_step)

    def validation(self, step: int, epoch: int, scores: dict[str, float]) -> None:
        """Tell the scores of an epoch."""
        self.tell({"step": step, "epoch": epoch, "val": scores}, self.on_epoch)
        self.clock = time.perf_counter()

    def tell(self, line: dict[str, Any], hook: Hook | None) -> None:
        """Hand a line to the log, the trackers, the bar and a hook."""
        self.accelerator.log(flat(line), step=line["step"])
        if self.accelerator.is_main_process:
            self.log.write(line)
            self.bar.show(line)
            if hook is not None:
                hook(line)

    def check(self, step: int, weights: Iterable[Tensor]) -> None:
        """Before anything is written: every loss and every weight is a number.

        Raises:
            DivergedError: names the step.
        """
        self.look(step)
        fine = torch.tensor(float(all_finite(weights)), device=self.accelerator.device)
        if self.accelerator.reduce(fine, "mean") < 1:  # in all processes, or they would part
            self.diverged(step, "a weight is NaN or infinite")

    def look(self, step: int) -> None:
        """Read the losses since the last look, which end at a step.

        Raises:
            DivergedError: names the first step whose loss is no number.
        """
        if not self.unread:
            return
        losses, self.unread = torch.stack(self.unread).tolist(), []
        for place, loss in enumerate(losses, start=step - len(losses) + 1):
            if loss != loss or abs(loss) == float("inf"):
                self.diverged(place, f"the loss is {loss}")

    def diverged(self, step: int, what: str) -> None:
        """Raises DivergedError, naming the step and the last good checkpoint."""
        kept = checkpoints(self.out / "checkpoints")
        last = f"the last good checkpoint is {kept[-1]}" if kept else "no checkpoint was written"
        raise DivergedError(
            f"training diverged at step {step}: {what}; {last}; try a lower lr or precision fp32",
            everywhere=True,
        )
