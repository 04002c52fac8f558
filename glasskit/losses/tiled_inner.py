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
        result = torch.empty_like(weight)
        product_buffer, y_buffer = _buffers(image, groups, step)
        columns = centre.T.contiguous()
        for start in range(0, groups, step):
            own = slice(start, min(start + step, groups))
            product = _products(image[own], text[own], product_buffer)
            y = torch.mm(product, columns, out=y_buffer[: product.shape[0]])
            z = _mask_own(y.mul_(weight[own].reshape(-1, 1)), own)
            result[own] = z.logsumexp(dim=1).view_as(result[own])
        ctx.save_for_backward(image, text, weight, centre, result)
        ctx.step = step
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        image, text, weight, centre, result = ctx.saved_tensors
        groups, members, width = image.shape
        grad_image, grad_text = torch.empty_like(image), torch.empty_like(text)
        grad_weight, grad_centre = torch.empty_like(weight), torch.zeros_like(centre)
        product_buffer, y_buffer = _buffers(image, groups, ctx.step)
        pull_buffer = torch.empty_like(product_buffer)
        columns = centre.T.contiguous()
        with torch.autocast(image.device.type, enabled=False):
            for start in range(0, groups, ctx.step):
                own = slice(start, min(start + ctx.step, groups))
                w = weight[own].reshape(-1, 1)
                product = _products(image[own], text[own], product_buffer)
                rows = product.shape[0]
                y = torch.mm(product, columns, out=y_buffer[:rows])  # (t N^2, M)
                d = _mask_own(y * w, own).sub_(result[own].reshape(-1, 1)).exp_()
                d.mul_(grad[own].reshape(-1, 1))
                grad_weight[own] = y.mul_(d).sum(dim=1).view_as(grad_weight[own])
                d.mul_(w)
                grad_centre.addmm_(d.T, product)
                pull = torch.mm(d, centre, out=pull_buffer[:rows])
                pull = pull.view(-1, members, members, width)
                # The products are spent: their memory takes the second product with G.
                spent = product.view_as(pull)
                grad_text[own] = torch.mul(pull, image[own].unsqueeze(2), out=spent).sum(dim=1)
                grad_image[own] = pull.mul_(text[own].unsqueeze(1)).sum(dim=2)
        return grad_image, grad_text, grad_weight, grad_centre, None


def _buffers(image: Tensor, groups: int, step: int) -> tuple[Tensor, Tensor]:
    """Memory for one tile's products and similarities: fresh pages a tile cost half the time."""
    rows = step * image.shape[1] ** 2
    return image.new_empty(rows, image.shape[2]), image.new_empty(rows, groups)


def _products(image: Tensor, text: Tensor, buffer: Tensor) -> Tensor:
    """All in-group products image_i * text_j of t groups, (t N^2, L), in the buffer."""
    count, members, width = image.shape
    out = buffer[: count * members**2]
    shaped = out.view(count, members, members, width)
    torch.mul(image.unsqueeze(2), text.unsqueeze(1), out=shaped)
    return out


def _mask_own(z: Tensor, own: slice) -> Tensor:
    """z (t N^2, M) with -inf where a product meets the centroid of its own group."""
    blocks = z.view(own.stop - own.start, -1, z.shape[1])
    blocks.diagonal(offset=own.start, dim1=0, dim2=2).fill_(-torch.inf)
    return z
