"""The training loop: read `Trainer.fit` and `Trainer.train_step`, the rest is what they call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from glasskit.errors import InputError
from glasskit.losses.base import Objective
from glasskit.models import GlassModel, save_model
from glasskit.training.checkpoint import (
    check_fits,
    checkpoints,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    save_checkpoint,
)
from glasskit.training.config import TrainConfig, filled
from glasskit.training.distributed import agreed, same_everywhere
from glasskit.training.encoders import HeadEncoder, TowerEncoder, merged_copy
from glasskit.training.gradcache import backward
from glasskit.training.loaders import Loader, Step
from glasskit.training.optim import EMA, L2SP, MAX_LOGIT_SCALE, build_optimizer, rate_at
from glasskit.training.run_log import RunLogger
from glasskit.training.stopping import StopRequest
from glasskit.training.validation import Validation, better


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
    """

    out: Path
    status: str
    step: int
    epoch: int
    best: dict[str, float] | None
    signal: int | None

    @property
    def exit_code(self) -> int:
        """0, or 128 + the signal: 130 after Ctrl-C, 143 after SIGTERM."""
        return 0 if self.signal is None else 128 + self.signal


class Trainer:
    """One run, from wherever it stands to its end.

    Args:
        config: all settings, resolved and fitted to the data.
        accelerator: device, precision, processes, trackers.
        model: what is trained and saved.
        encoder: its trained part, on ``model``.
        objective: may have parameters of its own.
        loader: the steps to train on.
        validation: scores after each epoch, or None.
        data: what the run learns from, as names and hashes (`glasskit.training.fingerprints`).
        log: told of every step and every validation; open while the run goes on.

    Attributes:
        done: steps done; the epoch and the step in it follow from it.
        best: validation scores of the kept model, with its epoch.
    """

    def __init__(
        self,
        config: TrainConfig,
        accelerator: Accelerator,
        model: GlassModel,
        encoder: HeadEncoder | TowerEncoder,
        objective: Objective,
        loader: Loader,
        validation: Validation | None,
        data: dict[str, str],
        log: RunLogger,
    ) -> None:
        self.config, self.accelerator, self.model = config, accelerator, model
        self.loader, self.validation, self.data, self.log = loader, validation, data, log
        self.out = Path(config.out)
        self.steps = len(loader.batches)
        self.total = self.steps * config.epochs
        self.done = 0
        self.best: dict[str, float] | None = None
        self.objective = objective.to(accelerator.device)
        self.plain = encoder.to(accelerator.device)
        named = [(f"objective.{n}", p) for n, p in objective.named_parameters()]
        named += encoder.named_parameters()
        self.parameters = {name: p for name, p in named if p.requires_grad}
        self.scale = self.parameters.get("model.clip.logit_scale")
        self.optimizer = build_optimizer(self.parameters, config, accelerator.device)
        self.l2sp = L2SP(self.optimizer, filled(config.trained_share))
        self.ema = EMA(self.parameters, config.ema) if config.ema else None
        if config.compile:
            encoder.compile()
        self.encoder = accelerator.prepare(encoder)
        self.prepared_optimizer = accelerator.prepare(self.optimizer)

    def fit(self, stop: StopRequest) -> TrainResult:
        """Train to the end, or until asked to stop; everything is saved either way.

        Args:
            stop: asked after every step.

        Raises:
            DivergedError: a loss or a weight became NaN or infinite.
        """
        if self.done == 0:
            self.validate(0)
        while self.done < self.total:
            epoch, first = divmod(self.done, self.steps)
            self.encoder.train()
            for step in self.loader.epoch(epoch, first):
                self.train_step(step)
                if self.done % self.steps == 0:
                    break  # the epoch's end comes before anything else
                if self.stopping(stop):
                    self.save()
                    return self.result("stopped", stop)
                if self.config.checkpoint_every and self.done % self.config.checkpoint_every == 0:
                    self.save()
            self.validate(epoch + 1)
            self.save()
            if self.done < self.total and self.stopping(stop):
                return self.result("stopped", stop)
        return self.result("finished", stop)

    def logging(self) -> AbstractContextManager[None]:
        """The log of this run from where it stands, open in the block."""
        sampler = self.loader.batches.sampler
        pairs = sampler.groups * sampler.members
        return self.log.opened(self.config, self.done, self.total, pairs)

    def train_step(self, step: Step) -> None:
        """One batch: gradients, clipping, the optimizer, and what follows it."""
        config, accelerator, epoch = self.config, self.accelerator, self.done // self.steps + 1
        # Every draw of a step (dropout) follows from this: no generator's state needs to be kept.
        self.reseed()
        if isinstance(self.plain, HeadEncoder):
            step = self.plain.dropped(step)
        rate = rate_at(self.done, self.total, config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        output = backward(accelerator, self.encoder, self.objective, step, config.accumulate)
        if config.grad_clip:
            accelerator.clip_grad_norm_(self.parameters.values(), config.grad_clip)
        self.prepared_optimizer.step()
        self.prepared_optimizer.zero_grad()
        self.l2sp.step()
        if self.scale is not None:
            self.scale.data.clamp_(0, MAX_LOGIT_SCALE)
        self.done += 1
        if self.ema is not None:
            self.ema.update(self.done)
        lr = self.optimizer.param_groups[0]["lr"]
        self.log.step(self.done, epoch, output, lr, self.temperature())

    def validate(self, epoch: int) -> None:
        """Score the model as it would be saved, and save it where it is the best so far."""
        self.log.check(self.done, self.parameters.values())
        with self.as_kept():
            best = None
            if self.validation is not None:
                scores = self.validation.scores(self.plain, self.objective)
                self.log.validation(self.done, epoch, scores)
                best = {"epoch": epoch, **scores}
            if epoch and (best is None or better(best, self.best, self.config.select)):
                self.best = best
                self.write_model()

    def write_model(self) -> None:
        """Write the model, as it stands, as the run's own, from the main process."""
        with agreed(self.accelerator):
            if self.accelerator.is_main_process:
                model = merged_copy(self.model) if self.config.mode == "lora" else self.model
                if self.config.mode != "head":
                    model.towers_changed()
                save_model(
                    model,
                    self.out,
                    training=self.config.kept(),
                    best=self.best,
                    objective=self.objective.learned(),
                )

    def result(self, status: str, stop: StopRequest) -> TrainResult:
        """What the caller gets."""
        if not (self.out / "model.safetensors").exists():
            with self.as_kept():
                self.write_model()
        epochs = self.done // self.steps
        return TrainResult(self.out, status, self.done, epochs, self.best, stop.signal)

    @contextmanager
    def as_kept(self) -> Iterator[None]:
        """While open, the model has the weights that it is kept with: their average where there is
        one, and its share of the way from the start."""
        with nullcontext() if self.ema is None else self.ema.applied(), self.l2sp.between():
            yield

    def temperature(self) -> Tensor | float:
        """The temperature of the similarities, on the device where it is learned."""
        if self.scale is None:
            return filled(self.config.temperature)
        return (-self.scale.detach()).exp()

    def reseed(self) -> None:
        """Seed the generators by (run, step): all processes draw the same for the whole batch."""
        place = self.config.seed * 1_000_003 + self.done
        seed = place * 65_537 % 2**63
        # torch.manual_seed would queue a call for each kind of device that is not in use.
        torch.default_generator.manual_seed(seed)
        if self.accelerator.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def stopping(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; all of them learn it at the same step."""
        if self.accelerator.num_processes == 1:
            return bool(stop)
        if self.accelerator.device.type != "cpu" and self.done % self.log.every:
            return False  # asking the others makes a GPU wait
        asked = torch.tensor([int(bool(stop))], device=self.accelerator.device)
        return bool(self.accelerator.reduce(asked, "sum").item())

    def tensors(self) -> dict[str, Tensor]:
        """What a run needs to go on, but for the optimizer: weights, average, start of decay."""
        tensors: dict[str, Tensor] = {f"weight.{n}": p for n, p in self.parameters.items()}
        tensors |= {f"start.{n}": t for n, t in self.l2sp.weights.items()}
        if self.ema is not None:
            tensors |= {f"average.{n}": t for n, t in self.ema.weights.items()}
        return tensors

    def save(self) -> None:
        """Write a checkpoint from the main process; the others wait.

        Raises:
            InputError: in every process, where it can't be written, or training diverged.
        """
        self.log.check(self.done, self.parameters.values())
        with agreed(self.accelerator):
            if self.accelerator.is_main_process:
                scaler = self.accelerator.scaler
                state: dict[str, Any] = {
                    "step": self.done,
                    "best": self.best,
                    "data": self.data,
                    "config": self.config.kept(),
                    "scaler": None if scaler is None else scaler.state_dict(),
                }
                tensors = self.tensors() | optimizer_tensors(self.optimizer)
                folder = self.out / "checkpoints"
                save_checkpoint(folder, self.done, tensors, state, self.config.keep_last)

    def load(self) -> None:
        """Bring the run back to its last checkpoint, where it has one.

        Raises:
            InputError: in every process: the checkpoint is damaged, of another architecture, or the
                settings, the data or the model are not those that it was written with; names what
                differs.
        """
        last = checkpoints(self.out / "checkpoints")[-1:]
        same_everywhere(self.accelerator, checkpoint=[path.name for path in last])
        with agreed(self.accelerator):
            for path in last:
                self._read(path)

    def _read(self, path: Path) -> None:
        tensors, state = read_checkpoint(path)
        for name in self.config.differences(state["config"]):
            raise InputError(
                f"{path}: cannot go on with another {name}: it was {state['config'].get(name)!r}, "
                f"now {getattr(self.config, name)!r}; give the old value or another directory"
            )
        own = self.tensors()
        optimizer = {n: t for n, t in tensors.items() if n.startswith("optimizer.")}
        check_fits(path, {n: t for n, t in tensors.items() if n not in optimizer}, own)
        was, now = state["data"], self.data
        other = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        if other:
            raise InputError(
                f"{path}: what the run learns from has changed since: {', '.join(other)}; bring "
                "back what it was, or train anew in another directory"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(tensors[name])
        restore_optimizer(self.optimizer, optimizer)
        if state["scaler"] is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.done, self.best = state["step"], state["best"]
