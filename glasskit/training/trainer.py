"""The training loop: read `Trainer.fit` and `Trainer.step`, the rest is what they call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from glasskit.models import GlassModel, save_model
from glasskit.training.config import TrainConfig
from glasskit.training.encoders import HeadEncoder, TowerEncoder
from glasskit.training.engine import agreed
from glasskit.training.feeds import Feed, Step
from glasskit.training.gradients import backward, backward_in_parts
from glasskit.training.lora import LoraEncoder
from glasskit.training.optim import (
    MAX_LOGIT_SCALE,
    Average,
    Start,
    build_optimizer,
    rate_at,
    set_rate,
)
from glasskit.training.result import TrainResult
from glasskit.training.state import RunState, save_state
from glasskit.training.stopping import StopRequest
from glasskit.training.validation import Validation
from glasskit.training.watch import Hook, Watch


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
        data: what the run learns from, as names and hashes (`glasskit.training.fingerprints`).
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
        data: Mapping[str, str] | None = None,
        bar: bool = False,
        on_step: Hook | None = None,
        on_epoch: Hook | None = None,
    ) -> None:
        self.config, self.accelerator, self.model = config, accelerator, model
        self.feed, self.validation = feed, validation
        self.data = dict(data or {})
        self.out = Path(config.out)
        self.steps = len(feed.batches)
        self.total = self.steps * config.epochs
        self.objective = objective.to(accelerator.device)
        self.plain = encoder.to(accelerator.device)
        named = [(f"objective.{n}", p) for n, p in objective.named_parameters()]
        named += [(n.removeprefix("encoder."), p) for n, p in encoder.named_parameters()]
        self.parameters = {name: p for name, p in named if p.requires_grad}
        self.scale = self.parameters.get("model.clip.logit_scale")
        self.optimizer = build_optimizer(self.parameters, config, accelerator.device)
        self.start = Start(self.optimizer)
        self.average = Average(self.parameters, config.ema) if config.ema else None
        if config.compile:
            encoder.compile()
        self.encoder = accelerator.prepare(encoder)
        self.engine = accelerator.prepare(self.optimizer)
        pairs = feed.batches.sampler.groups * feed.batches.sampler.members
        every = config.log_every or (1 if accelerator.device.type == "cpu" else 10)
        self.watch = Watch(self.out, accelerator, every, pairs, bar, on_step, on_epoch)
        self.state = RunState()

    def fit(self, stop: StopRequest, resumed: bool = False) -> TrainResult:
        """Train to the end, or until asked to stop; everything is saved either way.

        Args:
            stop: asked after every step.
            resumed: whether the state is that of a checkpoint (`load_state`).

        Raises:
            DivergedError: a loss or a weight became NaN or infinite.
        """
        with self.watch.opened(self.state.step, self.total, resumed):
            if not resumed:
                self.validate(0)
            while self.state.step < self.total:
                epoch, first = divmod(self.state.step, self.steps)
                self.encoder.train()
                for step in self.feed.epoch(epoch, first):
                    self.step(step, epoch + 1)
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

    def step(self, step: Step, epoch: int) -> None:
        """One batch: gradients, clipping, the optimizer, and what follows it."""
        config, accelerator = self.config, self.accelerator
        # Every draw of a step (dropout) follows from this: no generator's state needs to be kept.
        self.reseed()
        if isinstance(self.plain, HeadEncoder):
            step = self.plain.dropped(step)
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
        if self.scale is not None:
            self.scale.data.clamp_(0, MAX_LOGIT_SCALE)
        self.state.step += 1
        if self.average is not None:
            self.average.update(self.state.step)
        lr = self.optimizer.param_groups[0]["lr"]
        self.watch.step(self.state.step, epoch, output, lr, self.temperature())

    def temperature(self) -> Tensor | float:
        """The temperature of the similarities, on the device where it is learned."""
        return self.config.temperature if self.scale is None else (-self.scale.detach()).exp()

    def validate(self, epoch: int) -> None:
        """Score the model as it would be saved, and save it where it is the best so far."""
        self.watch.check(self.state.step, self.parameters.values())
        with self.as_saved() as encoder:
            if self.validation is None:
                better, scores = True, None
            else:
                scores = self.validation.scores(encoder, self.objective)
                better = scores.better(self.state.best, self.config.select)
                self.watch.validation(self.state.step, epoch, scores._asdict())
            if epoch and better:
                self.state.best, self.state.best_epoch = scores, epoch
                self.write_model()

    def save(self) -> None:
        """Write a checkpoint."""
        self.watch.check(self.state.step, self.parameters.values())
        save_state(self)

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
        """Write the model, as it stands, as the run's own, from the main process."""
        with agreed(self.accelerator):
            if not self.accelerator.is_main_process:
                return
            if self.config.mode != "head":
                self.model.towers_changed()
            best = self.state.scores()
            settings = self.config.kept()
            save_model(self.model, self.out, training=settings, best=best)

    def due(self, every: int) -> bool:
        """Whether the steps done are a multiple; never for 0."""
        return every > 0 and self.state.step % every == 0

    def reseed(self) -> None:
        """Seed the generators by (run, step): all processes draw the same for the whole batch."""
        place = self.config.seed * 1_000_003 + self.state.step
        seed = place * 65_537 % 2**63
        # torch.manual_seed would queue a call for each kind of device that is not in use.
        torch.default_generator.manual_seed(seed)
        if self.accelerator.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def stopping(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; all of them learn it at the same step."""
        if self.accelerator.num_processes == 1:
            return bool(stop)
        if self.accelerator.device.type != "cpu" and not self.due(self.watch.every):
            return False  # asking the others makes a GPU wait
        asked = torch.tensor([int(bool(stop))], device=self.accelerator.device)
        return bool(self.accelerator.reduce(asked, "sum").item())

    def result(self, status: str, stop: StopRequest) -> TrainResult:
        """What the caller gets."""
        if not (self.out / "model.safetensors").exists():
            with self.as_saved():
                self.write_model()
        repeats = self.feed.batches.sampler.plan(0).repeats
        step = self.state.step
        return TrainResult(
            self.out, status, step, step // self.steps, self.state.scores(), stop.signal, repeats
        )
