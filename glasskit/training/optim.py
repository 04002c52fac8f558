"""What moves the weights: AdamW in groups, warm-up and cosine, decay toward the start, averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from glasskit.training.config import TrainConfig

MAX_LOGIT_SCALE = math.log(100)
"""ln 100: the learned inverse temperature never exceeds 100 (CLIP, arXiv 2103.00020, 2.5)."""

IMAGE_SIDE = ("model.clip.visual.", "model.image_head.", "model.clip.logit", "objective.")


def is_text(name: str) -> bool:
    """Whether a parameter belongs to the text side: all that is not image tower or head.

    The temperature and an objective's own parameters count to the image side.
    """
    return not name.startswith(IMAGE_SIDE)


def build_optimizer(
    parameters: Mapping[str, nn.Parameter], config: TrainConfig, device: torch.device
) -> torch.optim.AdamW:
    """AdamW with the side's rate and decay; gains, biases and the temperature never decay.

    Each group carries ``peak`` (its learning rate at the end of warm-up), ``l2sp`` (the strength of
    its decay toward the start, which `L2SP` does) and ``names``. Fused where the device has it.

    Args:
        parameters: by name.
        config: resolved settings.
        device: where the parameters are.
    """
    to_start = config.decay_to == "start"
    sides = {
        False: (config.lr, config.weight_decay),
        True: (config.text_lr, config.text_weight_decay),
    }
    groups = []
    for text, (rate, decay) in sides.items():
        for matrix in (True, False):
            names = [n for n, p in parameters.items() if (is_text(n), p.ndim > 1) == (text, matrix)]
            strength = decay if matrix else 0.0
            group = {
                "params": [parameters[name] for name in names],
                "names": names,
                "lr": rate,
                "peak": rate,
                "weight_decay": 0.0 if to_start else strength,
                "l2sp": strength if to_start else 0.0,
            }
            groups += [group] if names else []
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=device.type in ("cpu", "cuda"))


def rate_at(step: int, total: int, config: TrainConfig) -> float:
    """Share of the peak rate at a step, counted from 0: linear warm-up, then a cosine.

    Args:
        step: 0 .. total - 1.
        total: steps of the whole run.
        config: warm-up and final rate.
    """
    warm = round(config.warmup * total)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(total - warm, 1)
    return config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * done))


class L2SP:
    """Decay toward the weights that training began from: w -= lr * l2sp * (w - w0).

    L2-SP (Li et al. 2018, arXiv 1802.01483), decoupled from the gradient as in AdamW: a head that
    begins as a good one does not decay to zero.

    Args:
        optimizer: groups with an ``l2sp`` above 0 are held to their weights of now.
        share: where the kept model stands, see `between`; below 1 all weights of now are held.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, share: float = 1.0) -> None:
        self.optimizer, self.share = optimizer, share
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone()
            for group in optimizer.param_groups
            if group["l2sp"] or share < 1
            for name, parameter in zip(group["names"], group["params"], strict=True)
        }

    @torch.no_grad()
    def step(self) -> None:
        """One step of decay, at each group's present rate."""
        for group in self.optimizer.param_groups:
            if group["l2sp"]:
                starts = [self.weights[name] for name in group["names"]]
                torch._foreach_lerp_(group["params"], starts, group["lr"] * group["l2sp"])

    @contextmanager
    def between(self) -> Iterator[None]:
        """While open, the weights are w0 + share (w - w0), as in WiSE-FT (Wortsman et al. 2022,
        arXiv 2109.01903): much of what was learned with more of what was known."""
        if self.share == 1:
            yield
            return
        groups = self.optimizer.param_groups
        named = [(n, p) for g in groups for n, p in zip(g["names"], g["params"], strict=True)]
        own = [parameter.detach().clone() for _, parameter in named]
        with torch.no_grad():
            for name, parameter in named:
                parameter.lerp_(self.weights[name], 1 - self.share)
        try:
            yield
        finally:
            with torch.no_grad():
                for (_, parameter), weights in zip(named, own, strict=True):
                    parameter.copy_(weights)


class EMA:
    """An exponential moving average of weights: a = d a + (1 - d) w.

    After step t, counted from 1, d = min(decay, (1 + t) / (10 + t)): 2/11 at first, so that the
    start is soon forgotten (torch's AveragedModel has one d for all steps).

    Args:
        parameters: weights by name.
        decay: the largest d.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = dict(parameters), decay
        self.weights = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights: list[Tensor] = list(self.parameters.values())
        torch._foreach_lerp_(list(self.weights.values()), weights, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While open, the model has the average for its weights."""
        own = {name: p.detach().clone() for name, p in self.parameters.items()}
        self._fill(self.weights)
        try:
            yield
        finally:
            self._fill(own)

    @torch.no_grad()
    def _fill(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])
