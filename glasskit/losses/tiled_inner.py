"""Log-sum-exp of every in-group product against the other groups' centroids, in tiles.

Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class ProductLse(torch.autograd.Function):
    """LSE over h != g of z_{g,ij,h} = w_{g,ij} (image_{g,i} * text_{g,j}) . centre_h.

    Neither the M N^2 L products nor the M^2 N^2 similarities are held: a tile of groups is
    formed, reduced and dropped, and formed again in the backward. With d = grad exp(z - LSE),
    y = z / w and G_ij = sum_h w_ij d_ijh centre_h the gradients are

        image_i: sum_j text_j * G_ij        centre_h: sum_ij w_ij d_ijh image_i * text_j
        text_j:  sum_i image_i * G_ij       w_ij:     sum_h d_ijh y_ijh

    Shapes: image, text (M, N, L), weight (M, N, N), centre (M, L), M >= 2 -> (M, N, N).
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, text: Tensor, weight: Tensor, centre: Tensor, step: int
    ) -> Tensor:
        groups = image.shape[0]
        parts = []
        for start in range(0, groups, step):
            own = slice(start, start + step)
            y = _products(image[own], text[own]) @ centre.T
            z = y.mul_(weight[own].reshape(-1, 1))
            parts.append(_mask_own(z, image[own].shape[0], start).logsumexp(dim=1))
        result = torch.cat(parts).view_as(weight)
        ctx.save_for_backward(image, text, weight, centre, result)
        ctx.step = step
        return result

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        image, text, weight, centre, result = ctx.saved_tensors
        groups, members, width = image.shape
        grad_image, grad_text, grad_weight = [], [], []
        grad_centre = torch.zeros_like(centre)
        with torch.autocast(image.device.type, enabled=False):
            for start in range(0, groups, ctx.step):
                own = slice(start, start + ctx.step)
                w = weight[own].reshape(-1, 1)
                product = _products(image[own], text[own])  # (t N^2, L)
                y = product @ centre.T  # (t N^2, M)
                d = _mask_own(y * w, image[own].shape[0], start).sub_(result[own].reshape(-1, 1)).exp_()
                d.mul_(grad[own].reshape(-1, 1))
                grad_weight.append(y.mul_(d).sum(dim=1))
                d.mul_(w)
                grad_centre.addmm_(d.T, product)
                pull = torch.mm(d, centre).view(-1, members, members, width)
                grad_text.append(torch.sum(pull * image[own].unsqueeze(2), dim=1))
                grad_image.append(pull.mul_(text[own].unsqueeze(1)).sum(dim=2))
        return (
            torch.cat(grad_image),
            torch.cat(grad_text),
            torch.cat(grad_weight).view_as(weight),
            grad_centre,
            None,
        )


def _products(image: Tensor, text: Tensor) -> Tensor:
    """All in-group products image_i * text_j, (t N^2, L)."""
    return (image.unsqueeze(2) * text.unsqueeze(1)).view(-1, image.shape[-1])


def _mask_own(z: Tensor, count: int, start: int) -> Tensor:
    """z (count N^2, M) with -inf where a product meets the centroid of its own group."""
    z.view(count, -1, z.shape[1]).diagonal(offset=start, dim1=0, dim2=2).fill_(-torch.inf)
    return z
