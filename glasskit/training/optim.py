"""What moves the weights: AdamW in groups, warm-up and cosine, decay toward the start, averages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

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
    return not name.removeprefix("lora.").startswith(IMAGE_SIDE)


def build_optimizer(
    parameters: Mapping[str, nn.Parameter], config: TrainConfig, device: torch.device
) -> torch.optim.AdamW:
    """AdamW with the side's rate and decay; gains, biases and the temperature never decay.

    Each group carries ``peak`` (its learning rate at the end of warm-up), ``pull`` (the strength of
    its decay toward the start, which `Start.pull` does) and ``names``. Fused where the device has
    it.

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
                "pull": strength if to_start else 0.0,
            }
            groups += [group] if names else []
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=device.type in ("cpu", "cuda"))


def rate_at(step: int, total: int, config: TrainConfig) -> float:
    """Share of the peak rate at a step, counted from 0: linear warm-up, then a cosine.

    Args:
        step: 0 .. total - 1.
        total: steps of the whole run.
    """
    warm = round(config.warmup * total)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(total - warm, 1)
    return config.final_lr + (1 - config.final_lr) * 0.5 * (1 + math.cos(math.pi * done))


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to a share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


class Start:
    """The weights that training began from, and the decay toward them: w -= lr * pull * (w - w0).

    Decoupled as in AdamW, and L2-SP in purpose (Li et al. 2018, arXiv 1802.01483): a head that
    begins as a good one is not pulled to zero.

    Args:
        optimizer: groups with a ``pull`` above 0 are held to their weights of now.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone()
            for group in optimizer.param_groups
            if group["pull"]
            for name, parameter in zip(group["names"], group["params"], strict=True)
        }

    @torch.no_grad()
    def pull(self) -> None:
        """One step of decay toward the start, at each group's present rate."""
        for group in self.optimizer.param_groups:
            if group["pull"]:
                starts = [self.weights[name] for name in group["names"]]
                torch._foreach_lerp_(group["params"], starts, group["lr"] * group["pull"])


class Average:
    """An exponential moving average of weights: a = d a + (1 - d) w.

    After step t, counted from 1, d = min(decay, (1 + t) / (10 + t)): 2/11 at first.

    Args:
        parameters: weights by name.
        decay: the largest d.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.parameters = dict(parameters)
        self.decay = decay
        self.weights = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        weights = list(self.parameters.values())
        torch._foreach_lerp_(list(self.weights.values()), weights, 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average with the weights; a second call undoes it."""
        for name, parameter in self.parameters.items():
            kept = parameter.clone()
            parameter.copy_(self.weights[name])
            self.weights[name].copy_(kept)


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no weight is NaN or infinite; one number crosses to the host."""
    norms = torch._foreach_norm([tensor.detach() for tensor in tensors])
    return bool(torch.stack([norm.float() for norm in norms]).isfinite().all())
