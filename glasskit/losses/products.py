"""In-group products c_ij = normalise(image_i * text_j) through matrix products only.

||image_i * text_j||^2 = image_i^2 . text_j^2 gives the weights w_ij = 1 / ||image_i * text_j||;
every sum of products and every inner product with one is then a product of N x L matrices, so
that the N^2 x L products of a group are never formed here.

Letters: M groups, N members a group, L embedding width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from glasskit.losses.vectors import ZERO_NORM, scaled, unit_sum


def product_weights(image: Tensor, text: Tensor) -> Tensor:
    """w_ij = 1 / ||image_i * text_j||, 0 where the product vanishes: (M, N, L) -> (M, N, N)."""
    squared = image.square() @ text.square().mT
    floor = ZERO_NORM**2
    return squared.clamp_min(floor).rsqrt() * (squared > floor)


def product_sum(image: Tensor, text: Tensor, weight: Tensor) -> Tensor:
    """sum_ij c_ij of each group: (M, L)."""
    return (image * (weight @ text)).sum(dim=1)


def own_similarity(
    image: Tensor, text: Tensor, weight: Tensor, total: Tensor, temperature: float | Tensor
) -> Tensor:
    """c_ij . mu / temperature with mu = normalise(total), the group's own centroid: (M, N, N)."""
    centre = scaled(unit_sum(total, image.shape[1] ** 2), temperature)
    return weight * ((image * centre.unsqueeze(1)) @ text.mT)


def left_out_similarity(image: Tensor, text: Tensor, weight: Tensor, total: Tensor) -> Tensor:
    """c_ij . normalise(rest_ij): the centroid of the products that share nothing with c_ij.

    rest_ij = sum_kl c_kl over k != i and l != j. Leaving out c_ij alone would keep image_i and
    text_j in 2 N - 2 other products, and with them the head start of a member inside its own
    centroid. With r_i = sum_l c_il and k_j = sum_k c_kj,

        rest_ij = total - r_i - k_j + c_ij,

    and its inner product with c_ij and its length come from N x N matrices.

    Shapes: (M, N, L), (M, N, L), (M, N, N), (M, L) -> (M, N, N), N >= 2.
    """
    row = image * (weight @ text)  # r_i, (M, N, L)
    column = text * (weight.mT @ image)  # k_j, (M, N, L)
    rest_row = total.unsqueeze(1) - row
    present = (weight > 0).to(weight.dtype)  # ||c_ij||^2
    with_total = weight * ((image * rest_row) @ text.mT)  # c_ij . (total - r_i)
    with_column = weight * (image @ (text * column).mT)  # c_ij . k_j
    along = with_total - with_column + present
    # ||(total - r_i) - k_j||^2, then + c_ij
    plain = (
        rest_row.square().sum(dim=-1).unsqueeze(2)
        - 2 * (rest_row @ column.mT)
        + column.square().sum(dim=-1).unsqueeze(1)
    )
    squared = plain + 2 * (with_total - with_column) + present
    members = image.shape[1]
    floor = (members**2 * 8) ** 2 * torch.finfo(weight.dtype).eps
    return along * squared.clamp_min(floor).rsqrt() * (squared > floor)
