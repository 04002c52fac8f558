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
from glasskit.training.batches import Encoded, Rows, grouped


def backward(
    accelerator: Accelerator,
    encoder: nn.Module,
    objective: nn.Module,
    images: Tensor,
    texts: Tensor,
    rows: Rows,
) -> ObjectiveOutput:
    """Gradients of the objective on one batch, encoded at once."""
    output = objective(grouped(encoder(images, texts), rows))
    accelerator.backward(output.total)
    return output


def backward_in_parts(
    accelerator: Accelerator,
    encoder: nn.Module,
    objective: nn.Module,
    images: Tensor,
    texts: Tensor,
    rows: Rows,
    parts: int,
) -> ObjectiveOutput:
    """The same gradients with at most 1/parts of the rows in memory as graphs.

    The encoder draws nothing at random (`TowerEncoder`; in mode head features are dropped before).
    """
    pieces = list(zip(images.tensor_split(parts), texts.tensor_split(parts), strict=True))
    with torch.no_grad():
        cached = [encoder(*piece) for piece in pieces]
    leaves = _join(cached)
    output = objective(grouped(leaves, rows))
    accelerator.backward(output.total)  # scaled where there is a scaler, and so are all below
    gradients = _split(leaves, pieces)
    for number, (piece, gradient) in enumerate(zip(pieces, gradients, strict=True), start=1):
        last = number == parts
        with nullcontext() if last else accelerator.no_sync(encoder):
            encoded = encoder(*piece)
            terms = [
                (value * grad).sum()
                for value, grad in zip(encoded[:3], gradient[:3], strict=True)
                if value is not None and grad is not None
            ]
            if last and encoded.logit_scale is not None:
                terms.append(encoded.logit_scale * gradient.logit_scale)
            torch.stack(terms).sum().backward()
    return output


def _join(parts: list[Encoded]) -> Encoded:
    """All rows as leaves that collect a gradient."""

    def leaf(values: list[Tensor | None]) -> Tensor | None:
        if values[0] is None:
            return None
        return torch.cat(values).detach().requires_grad_()

    scale = parts[0].logit_scale
    return Encoded(
        leaf([p.images for p in parts]),
        leaf([p.texts for p in parts]),
        leaf([p.patches for p in parts]),
        None if scale is None else scale.detach().clone().requires_grad_(),
    )


def _split(leaves: Encoded, pieces: list[tuple[Tensor, Tensor]]) -> list[Encoded]:
    """The gradients of the leaves, part by part; the temperature's goes with each."""
    count = len(pieces)

    def parts(leaf: Tensor | None) -> list[Tensor | None]:
        if leaf is None or leaf.grad is None:
            return [None] * count
        return list(leaf.grad.tensor_split(count))

    scale = None if leaves.logit_scale is None else leaves.logit_scale.grad
    return [
        Encoded(image, text, patch, scale)
        for image, text, patch in zip(
            parts(leaves.images), parts(leaves.texts), parts(leaves.patches), strict=True
        )
    ]
