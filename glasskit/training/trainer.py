"""The training loop: read `Trainer.fit` and `Trainer.step`, the rest is what they call."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from glasskit.errors import InputError
from glasskit.losses.batch import ObjectiveOutput
from glasskit.models import GlassModel, save_model
from glasskit.training.config import TrainConfig
from glasskit.training.encoders import HeadEncoder, LoraEncoder, TowerEncoder
from glasskit.training.feeds import Feed, Step
from glasskit.training.gradients import backward, backward_in_parts
from glasskit.training.log import Bar, JsonLog, flat
from glasskit.training.optim import (
    MAX_LOGIT_SCALE,
    Average,
    Start,
    all_finite,
    build_optimizer,
    rate_at,
    set_rate,
)
from glasskit.training.state import RunState, load_state, save_state
from glasskit.training.stopping import StopRequest
from glasskit.training.validation import Validation

Hook = Callable[[dict[str, Any]], None]
"""Called with a line of the log."""


class DivergedError(InputError):
    """The loss or a weight is no number any more; the line names the step and what is kept."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended.

    Args:
        out: the run directory.
        status: "finished" or "stopped".
        step: steps done.
        epoch: epochs finished.
        best: scores of the kept model, with its epoch; None without validation.
        signal: the signal that stopped it, or None.
        repeats: places an epoch in which a photograph came again in its group.
    """

    out: Path
    status: str
    step: int
    epoch: int
    best: dict[str, float] | None
    signal: int | None
    repeats: int

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal: 130 after Ctrl-C, 143 after SIGTERM."""
        return 0 if self.signal is None else 128 + self.signal


class Trainer:
    """One run, from wherever it stands to its end.

    Args:
        config: all settings.
        accelerator: device, precision, processes, trackers.
        model: what is trained and saved.
        encoder: its trained part, on ``model``.
        objective: GroupedBatch -> ObjectiveOutput; may have parameters of its own.
        feed: the steps to train on.
        validation: scores after each epoch, or None.
        data: a text that identifies the data.
        bar: whether to draw a progress bar.
        on_step, on_epoch: called with each line of the log.
    """

    def __init__(
        self,
        config: TrainConfig,
        accelerator: Accelerator,
        model: GlassModel,
        encoder: HeadEncoder | TowerEncoder | LoraEncoder,
        objective: nn.Module,
        feed: Feed,
        validation: Validation | None,
        *,
        data: str = "",
        bar: bool = False,
        on_step: Hook | None = None,
        on_epoch: Hook | None = None,
    ) -> None:
        self.config, self.accelerator, self.model = config, accelerator, model
        self.feed, self.validation, self.bar = feed, validation, bar
        self.on_step, self.on_epoch = on_step, on_epoch
        self.data = data
        self.out = Path(config.out)
        self.steps = len(feed.batches)
        self.total = self.steps * config.epochs
        self.objective = objective.to(accelerator.device)
        self.plain = encoder.to(accelerator.device)
        named = [(f"objective.{n}", p) for n, p in objective.named_parameters()]
        named += [(n.removeprefix("encoder."), p) for n, p in encoder.named_parameters()]
        self.parameters = {name: p for name, p in named if p.requires_grad}
        self.optimizer = build_optimizer(self.parameters, config, accelerator.device)
        self.start = Start(self.optimizer)
        self.average = Average(self.parameters, config.ema) if config.ema else None
        if config.compile:
            encoder.compile()
        self.encoder, self.engine = accelerator.prepare(encoder, self.optimizer)
        # A number that is read makes a GPU wait for its step.
        self.log_every = config.log_every or (1 if accelerator.device.type == "cpu" else 10)
        self.state = RunState()
        self.unread: list[Tensor] = []  # losses since the last look, still on the device
        self.clock = time.perf_counter()

    def fit(self, stop: StopRequest) -> TrainResult:
        """Train to the end, or until asked to stop; everything is saved either way.

        Raises:
            DivergedError: a loss or a weight became NaN or infinite.
        """
        resumed = load_state(self) if self.config.resume else False
        if self.accelerator.is_main_process:
            self.log = JsonLog(self.out / "log.jsonl", self.state.step if resumed else None)
        if not resumed:
            self.validate(0)
        with Bar(self.total, self.state.step, self.bar) as self.shown:
            while self.state.step < self.total:
                epoch, first = divmod(self.state.step, self.steps)
                self.encoder.train()
                for step in self.feed.epoch(epoch, first):
                    output = self.step(step)
                    self.report(epoch + 1, output)
                    if self.state.step % self.steps == 0:
                        break  # the epoch's end comes before anything else
                    if self.stopping(stop):
                        self.save()
                        return self.result("stopped", stop)
                    if self.due(self.config.checkpoint_every):
                        self.save()
                self.validate(epoch + 1)
                self.save()
                if self.state.step < self.total and self.stopping(stop):
                    return self.result("stopped", stop)
        return self.result("finished", stop)

    def step(self, step: Step) -> ObjectiveOutput:
        """One batch: gradients, clipping, the optimizer, and what follows it."""
        config, accelerator = self.config, self.accelerator
        # Every draw of a step (dropout) follows from this: no generator's state needs to be kept.
        self.reseed()
        set_rate(self.optimizer, rate_at(self.state.step, self.total, config))
        batch = (step.images, step.texts, step.rows)
        if config.accumulate == 1:
            output = backward(accelerator, self.encoder, self.objective, *batch)
        else:
            output = backward_in_parts(
                accelerator, self.encoder, self.objective, *batch, config.accumulate
            )
        if config.grad_clip:
            accelerator.clip_grad_norm_(self.parameters.values(), config.grad_clip)
        self.engine.step()
        self.engine.zero_grad()
        self.start.pull()
        if config.learn_temperature:
            self.model.logit_scale.data.clamp_(0, MAX_LOGIT_SCALE)
        self.state.step += 1
        if self.average is not None:
            self.average.update(self.state.step)
        self.unread.append(output.total.detach())
        return output

    def validate(self, epoch: int) -> None:
        """Score the model as it would be saved, and save it where it is the best so far."""
        self.check()
        with self.as_saved() as encoder:
            if self.validation is None:
                better, scores = True, None
            else:
                scores = self.validation.scores(encoder, self.objective)
                better = scores.better(self.state.best, self.config.select)
                line = {"step": self.state.step, "epoch": epoch, "val": scores._asdict()}
                self.tell(line, self.on_epoch)
            if epoch and better:
                self.state.best, self.state.best_epoch = scores, epoch
                self.write_model()

    def report(self, epoch: int, output: ObjectiveOutput) -> None:
        """A line of the log every ``log_every`` steps; only then a number leaves the device."""
        if not self.due(self.log_every):
            return
        steps = len(self.unread)
        self.look()
        now = time.perf_counter()
        batches = self.feed.batches
        pairs = steps * batches.sampler.groups * batches.sampler.members
        scale = self.model.logit_scale
        line = {
            "step": self.state.step,
            "epoch": epoch,
            "loss": float(output.total.detach()),
            "parts": {name: float(value.detach()) for name, value in output.parts.items()},
            "lr": self.optimizer.param_groups[0]["lr"],
            "temperature": float((-scale.detach()).exp())
            if scale.requires_grad
            else self.config.temperature,
            "pairs_per_second": pairs / max(now - self.clock, 1e-9),
            "time": time.time(),
        }
        self.clock = now
        self.tell(line, self.on_step)

    def tell(self, line: dict[str, Any], hook: Hook | None) -> None:
        """Hand a line to the log, the trackers, the bar and the caller's hook."""
        self.accelerator.log(flat(line), step=self.state.step)
        if self.accelerator.is_main_process:
            self.log.write(line)
            if self.state.step:
                self.shown.show(line)
            if hook is not None:
                hook(line)

    def look(self) -> None:
        """Read the losses since the last look and stop at the first that is no number.

        Raises:
            DivergedError: names the step.
        """
        if not self.unread:
            return
        finite = torch.stack(self.unread).isfinite().tolist()
        first = self.state.step - len(finite) + 1
        value = self.unread[finite.index(False)] if False in finite else None
        self.unread = []
        if value is not None:
            self.diverged(first + finite.index(False), f"the loss is {float(value)}")

    def diverged(self, step: int, what: str) -> None:
        """Raises DivergedError, naming the step and the last good checkpoint."""
        from glasskit.training.checkpoint import checkpoints

        kept = checkpoints(self.out / "checkpoints")
        last = (
            f"the last good checkpoint is {kept[-1]}" if kept else "no checkpoint was written yet"
        )
        raise DivergedError(
            f"training diverged at step {step}: {what}; {last}; try a lower lr or fp32"
        )

    def save(self) -> None:
        """Write a checkpoint."""
        self.check()
        save_state(self)

    def check(self) -> None:
        """Before anything is written: every loss and every weight is a number.

        Raises:
            DivergedError: names the step.
        """
        self.look()
        if not all_finite(self.parameters.values()):
            self.diverged(self.state.step, "a weight is NaN or infinite")

    @contextmanager
    def as_saved(self) -> Iterator[HeadEncoder | TowerEncoder]:
        """While open, the model has the weights to keep: averaged, with low-rank changes merged."""
        lora = isinstance(self.plain, LoraEncoder)
        if self.average is not None:
            self.average.swap()
        try:
            with self.plain.merged() if lora else nullcontext():
                yield self.plain.encoder if lora else self.plain
        finally:
            if self.average is not None:
                self.average.swap()

    def write_model(self) -> None:
        """Write the model, as it stands, as the run's own."""
        if self.accelerator.is_main_process:
            if self.config.mode != "head":
                self.model.towers_changed()
            best = self.state.scores()
            settings = self.config.kept()
            towers = self.config.mode != "head"
            save_model(self.model, self.out, towers=towers, training=settings, best=best)

    def due(self, every: int) -> bool:
        """Whether the steps done are a multiple; never for 0."""
        return every > 0 and self.state.step % every == 0

    def reseed(self) -> None:
        """Seed the generators by (run, step, process)."""
        place = self.config.seed * 1_000_003 + self.state.step
        seed = (place * 65_537 + self.accelerator.process_index) % 2**63
        # torch.manual_seed would queue a call for each kind of device that is not in use.
        torch.default_generator.manual_seed(seed)
        if self.accelerator.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def stopping(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; all of them learn it at the same step."""
        if self.accelerator.num_processes == 1:
            return bool(stop)
        if self.accelerator.device.type != "cpu" and not self.due(self.log_every):
            return False  # asking the others makes a GPU wait
        asked = torch.tensor([int(bool(stop))], device=self.accelerator.device)
        return bool(self.accelerator.reduce(asked, "sum").item())

    def result(self, status: str, stop: StopRequest) -> TrainResult:
        """What the caller gets."""
        if not (self.out / "model.safetensors").exists():
            with self.as_saved():
                self.write_model()
        if self.accelerator.is_main_process:
            self.log.close()
        repeats = self.feed.batches.sampler.plan(0).repeats
        step = self.state.step
        return TrainResult(
            self.out, status, step, step // self.steps, self.state.scores(), stop.signal, repeats
        )
