"""Which way an objective moves each vector of a small batch: its negative gradient.

Letters: M groups, N members a group, L width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from glasskit.losses import GroupedBatch
from glasskit.losses.objectives import build_objective

Loss = Callable[[Tensor, Tensor], Tensor]
"""(M, N, L) images and texts -> () value."""


class Descent(NamedTuple):
    """A batch and where a loss moves it.

    Attributes:
        image, text: (M, N, L) unit vectors.
        image_step, text_step: (M, N, L) minus the gradient of the loss.
        value: of the loss.
    """

    image: Tensor
    text: Tensor
    image_step: Tensor
    text_step: Tensor
    value: float


def loss_of(objective: str, **settings: float) -> Loss:
    """The value of an objective as a function of image and text vectors.

    Args:
        objective: a name of the registry that needs nothing but images and texts.
        settings: what the objective takes, such as temperature.
    """
    module = build_objective(objective, **settings)
    return lambda image, text: module(GroupedBatch(image, text)).total


def negative_gradient(image: Tensor, text: Tensor, loss: Loss) -> Descent:
    """The batch with minus the gradient of the loss at each vector.

    Losses normalise inside, so that the gradient is at right angles to its vector: it turns it.
    """
    image = functional.normalize(image.detach(), dim=-1).requires_grad_()
    text = functional.normalize(text.detach(), dim=-1).requires_grad_()
    value = loss(image, text)
    of_image, of_text = torch.autograd.grad(value, (image, text))
    return Descent(image.detach(), text.detach(), -of_image, -of_text, value.item())


def gradient_descent(
    image: Tensor, text: Tensor, loss: Loss, *, steps: int = 200, rate: float = 0.1
) -> Descent:
    """The batch after some steps of gradient descent on its vectors alone, without a model.

    Args:
        image, text: (M, N, L) where it begins.
        loss: what is minimised.
        steps: of gradient descent, each followed by normalisation.
        rate: length of a step as a multiple of the negative gradient.
    """
    now = negative_gradient(image, text, loss)
    for _ in range(steps):
        image, text = now.image + rate * now.image_step, now.text + rate * now.text_step
        now = negative_gradient(image, text, loss)
    return now


def on_circle(degrees: list[list[float]]) -> Tensor:
    """(M, N, 2) unit vectors at these angles, counted from the right, against the clock."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angle.cos(), angle.sin()], dim=-1)
