"""The inner loss of CLEAR GLASS (arXiv 2509.12771, section 3): members to their centroid.

Letters: M groups, N members a group, L embedding width, B = M N.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from glasskit.losses.centroid import centroids, inner_centroid, inner_leave_one_out
from glasskit.losses.products import (
    left_out_similarity,
    own_similarity,
    product_sum,
    product_weights,
)
from glasskit.losses.tiled_inner import ProductLse
from glasskit.losses.tiled_outer import groups_a_tile
from glasskit.losses.vectors import (
    accumulator,
    check_choice,
    check_pair,
    check_temperature,
    scaled,
    unit,
    unit_sum,
    warn_one_group,
    warn_one_member,
)

INNER_VARIANTS = ("pairwise", "centroid", "cosine")
CENTROIDS = ("inclusive", "leave_one_out")


def inner_loss(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor = 0.1,
    variant: str = "pairwise",
    centroid: str = "inclusive",
) -> Tensor:
    """How badly the members of a group find their group's centroid among all centroids.

    With c_{g,ij} = normalise(u_{g,i} * v_{g,j}), all N^2 in-group products of a group, and
    mu_g = normalise(mean_ij c_{g,ij}), through which gradients flow:

        pairwise  mean_{g,ij} CE( (c_{g,ij} . mu_h / temperature)_h , g )
        cosine    mean_g mean_ij (1 - cos(c_{g,ij}, mu_g)), no temperature, no negatives
        centroid  mean over g, i and both modalities of CE( (u_{g,i} . m_h / temperature)_h , g )

    `centroid="inclusive"` is the paper's: a member is part of the centroid it must find, so that
    pure noise already scores well (8 groups of width 64 at temperature 0.07: 0.002 at N = 2,
    0.10 at N = 5, 0.46 at N = 10, where chance is log 8 = 2.08).
    "leave_one_out" takes the member out of its own group's centroid: centroid,
    normalise(sum_g - u_{g,i}); pairwise and cosine, the products that share neither image i nor
    text j.

    Args:
        image: (M, N, L), any norm; float16, bfloat16, float32 or float64.
        text: (M, N, L).
        temperature: positive number, or a tensor of one element that may require a gradient.
        variant: "pairwise", "centroid" or "cosine".
        centroid: "inclusive" or "leave_one_out".

    Returns:
        () in float32 (float64 for float64 input). M = 1 gives 0 (not for cosine) and N = 1 a
        trivial value, each with a warning.

    Raises:
        ValueError: shapes, unknown options, a temperature that is not positive, leave_one_out
            with N = 1 (nothing is left).
        TypeError: input that is not a floating point tensor.
    """
    check_pair(image, text)
    check_choice("variant", variant, INNER_VARIANTS)
    check_choice("centroid", centroid, CENTROIDS)
    check_temperature(temperature)
    with torch.autocast(image.device.type, enabled=False):
        u, v = unit(accumulator(image)), unit(accumulator(text))
        return inner_of_units(u, v, temperature, variant, centroid)


def inner_of_units(
    image: Tensor, text: Tensor, temperature: float | Tensor, variant: str, centroid: str
) -> Tensor:
    """`inner_loss` of unit vectors (M, N, L) with checked options."""
    groups, members, _ = image.shape
    if centroid == "leave_one_out" and members == 1:
        raise ValueError(
            "centroid='leave_one_out' needs at least 2 members a group, got N = 1: "
            "nothing is left when the only member is left out"
        )
    if groups == 1 and variant != "cosine":
        warn_one_group()
    if members == 1:
        warn_one_member()
    if variant == "cosine":
        return inner_cosine(image, text, centroid)
    if variant == "pairwise":
        return inner_pairwise(image, text, temperature, centroid)
    of_image = _members(image, temperature, centroid)
    of_text = _members(text, temperature, centroid)
    return (of_image + of_text) / 2


def _members(x: Tensor, temperature: float | Tensor, centroid: str) -> Tensor:
    """The centroid form of one modality, unit vectors (M, N, L)."""
    if centroid == "leave_one_out":
        return inner_leave_one_out(x, temperature)
    return inner_centroid(x, centroids(x), temperature)


def inner_pairwise(
    image: Tensor, text: Tensor, temperature: float | Tensor, centroid: str
) -> Tensor:
    """The scaled pairwise inner loss of unit vectors (M, N, L)."""
    groups, members, width = image.shape
    weight = product_weights(image, text)
    total = product_sum(image, text, weight)
    if centroid == "leave_one_out":
        own = scaled(left_out_similarity(image, text, weight, total), temperature)
    else:
        own = own_similarity(image, text, weight, total, temperature)
    if groups == 1:
        return 0 * own.mean()
    centre = scaled(unit_sum(total, members**2), temperature)
    step = groups_a_tile(groups, members**2 * width, image.device, None)
    others = ProductLse.apply(image, text, weight, centre, step)
    return -F.logsigmoid(own - others).mean()


def inner_cosine(image: Tensor, text: Tensor, centroid: str) -> Tensor:
    """The unscaled pairwise inner loss of unit vectors (M, N, L).

    The mean of c_ij . normalise(sum c) is ||sum c|| / N^2, so that the inclusive form needs
    neither the products nor their similarities.
    """
    weight = product_weights(image, text)
    total = product_sum(image, text, weight)
    if centroid == "leave_one_out":
        return 1 - left_out_similarity(image, text, weight, total).mean()
    return 1 - torch.linalg.vector_norm(total, dim=-1).mean() / image.shape[1] ** 2
