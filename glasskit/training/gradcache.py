"""One step's gradients: the batch at once, or in parts with the same gradients, but for rounding.

A contrastive loss needs all rows of a batch at once, so that plain accumulation would lose
negatives. GradCache (Gao et al. 2021, arXiv 2101.06983) encodes the parts without gradient, takes
the gradient of the loss with respect to the rows, and then encodes each part again and carries its
rows' gradient into the weights. Memory is that of one part, at the cost of one more forward.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from glasskit.losses.batch import ObjectiveOutput
from glasskit.training.batches import Encoded, grouped
from glasskit.training.loaders import Step


def backward(
    accelerator: Accelerator, encoder: nn.Module, objective: nn.Module, step: Step, parts: int = 1
) -> ObjectiveOutput:
    """Gradients of the objective on one batch, with 1 / parts of its rows in memory as graphs.

    The encoder must draw nothing at random (`TowerEncoder`; in mode head features are dropped
    before), since a part is encoded twice.
    """
    if parts == 1:
        output = objective(grouped(encoder(step.images, step.texts), step.rows))
        accelerator.backward(output.total)
        return output
    images, texts = step.images.tensor_split(parts), step.texts.tensor_split(parts)
    pieces = list(zip(images, texts, strict=True))
    with torch.no_grad():
        *rows, scales = zip(*(encoder(*piece) for piece in pieces), strict=True)
    leaves = [None if stack[0] is None else _leaf(torch.cat(stack)) for stack in rows]
    leaves.append(None if scales[0] is None else _leaf(scales[0]))
    output = objective(grouped(Encoded._make(leaves), step.rows))
    accelerator.backward(output.total)  # scaled where there is a scaler, and so are all below
    gradients = [_gradients(leaf, parts) for leaf in leaves]
    for number, piece in enumerate(pieces):
        with nullcontext() if number == parts - 1 else accelerator.no_sync(encoder):
            outputs = [
                (value, gradient[number])
                for value, gradient in zip(encoder(*piece), gradients, strict=True)
                if gradient[number] is not None and value.requires_grad
            ]
            values, gradient_of = zip(*outputs, strict=True)
            torch.autograd.backward(values, gradient_of)
    return output


def _leaf(rows: Tensor) -> Tensor:
    return rows.detach().requires_grad_()


def _gradients(leaf: Tensor | None, parts: int) -> list[Tensor | None]:
    """The gradient of each part's rows; the temperature's goes with the last part."""
    if leaf is None or leaf.grad is None:
        return [None] * parts
    if leaf.ndim == 0:
        return [None] * (parts - 1) + [leaf.grad]
    return list(leaf.grad.tensor_split(parts))
