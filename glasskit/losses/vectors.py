"""Unit vectors with safe gradients, precision, and checks of options, shared by the losses.

Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ZERO_NORM = 1e-12
"""A vector that is shorter has no direction."""

MASKED = -1e30
"""Stands for -inf in a masked logit: exp of it is 0, and a row with nothing left stays finite."""


def check_pair(image: Tensor, text: Tensor) -> None:
    """Refuse anything but two floating point tensors of one shape (M, N, L)."""
    for name, value in (("image", image), ("text", text)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{name} must be a floating point tensor, got {kind}")
        if value.dim() != 3 or 0 in value.shape:
            raise ValueError(
                f"{name} must have shape (M, N, L) with no zero in it, got {tuple(value.shape)}"
            )
    if image.shape != text.shape:
        raise ValueError(
            "image and text must have one shape (M, N, L), "
            f"got {tuple(image.shape)} and {tuple(text.shape)}"
        )


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse an option that is not one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")


def check_share(name: str, value: float) -> None:
    """Refuse a number that is not between 0 and 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")


def check_weight(name: str, value: float) -> None:
    """Refuse a number that is negative or not finite."""
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be 0 or more and finite, got {value}")


def check_temperature(temperature: float | Tensor, name: str = "temperature") -> None:
    """Refuse a temperature that is not a positive finite number or a tensor of one element.

    The value of a tensor is not looked at: reading it would stall a GPU at every step.
    """
    if isinstance(temperature, Tensor):
        if temperature.numel() != 1:
            raise ValueError(
                f"{name} must hold one number, got a tensor of shape {tuple(temperature.shape)}"
            )
    elif isinstance(temperature, (int, float)):
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"{name} must be positive and finite, got {temperature}")
    else:
        raise TypeError(f"{name} must be a number or a tensor, got {type(temperature).__name__}")


def accumulator(x: Tensor) -> Tensor:
    """x in the precision that the losses compute in: float64 stays, all else is float32."""
    return x if x.dtype == torch.float64 else x.float()


def unit(x: Tensor, floor: float = ZERO_NORM) -> Tensor:
    """x / ||x|| along the last axis; the zero vector, with zero gradient, where ||x|| <= floor.

    Dividing by max(||x||, floor) instead would multiply gradients by 1 / floor there.
    """
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x * (norm.clamp_min(floor).reciprocal() * (norm > floor))


def unit_sum(total: Tensor, terms: int) -> Tensor:
    """Direction of a sum of `terms` unit vectors; zero where they cancel to rounding error."""
    return unit(total, floor=max(ZERO_NORM, 8 * terms * torch.finfo(total.dtype).eps))


def unit_rows(x: Tensor) -> Tensor:
    """(M, N, L) vectors of any length and precision as (B, L) unit rows, group after group."""
    return unit(accumulator(x.flatten(0, 1)))


def symmetric_cross_entropy(logits: Tensor) -> Tensor:
    """1/2 [ mean_a CE(S_a., a) + mean_a CE(S_.a, a) ] of (B, B) logits S: each finds its own."""
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def scaled(x: Tensor, temperature: float | Tensor) -> Tensor:
    """x / temperature, differentiable in both."""
    if isinstance(temperature, Tensor):
        return x / temperature.to(dtype=x.dtype, device=x.device).reshape(())
    return x / temperature


def learning() -> bool:
    """Whether there are gradients, so that a batch which teaches nothing is worth a warning.

    Validation has none, and takes what groups it finds.
    """
    return torch.is_grad_enabled() and not torch.compiler.is_compiling()
