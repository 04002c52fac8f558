"""The outer loss of CLEAR GLASS (arXiv 2509.12771, section 3): groups apart from groups.

Letters: M groups, N members a group, L embedding width, B = M N.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from glasskit.losses.centroid import centroids, outer_centroid
from glasskit.losses.tiled_outer import CrossGroupLse, groups_a_tile
from glasskit.losses.vectors import (
    accumulator,
    check_choice,
    check_pair,
    check_temperature,
    scaled,
    unit,
    warn_one_group,
)

OUTER_VARIANTS = ("pairwise", "centroid")


def outer_loss(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor = 0.1,
    variant: str = "pairwise",
    tile: int | None = None,
) -> Tensor:
    """How badly a pair finds its own group among all groups, images to texts and back.

    pairwise, with S_ab = u_a . v_b / temperature and P(a) the pairs of a's group:

        1/2 { mean_a [ LSE_b S_ab - LSE_{b in P(a)} S_ab ] + the same on S^T }

    Every image and text of one group are positives, and one near positive satisfies the row: the
    sum over positives is inside the logarithm. centroid: symmetric cross entropy of the M image
    centroids against the M text centroids.

    Args:
        image: (M, N, L), any norm; float16, bfloat16, float32 or float64.
        text: (M, N, L).
        temperature: positive number, or a tensor of one element that may require a gradient.
        variant: "pairwise" or "centroid".
        tile: pairs (rows of S) held at once in the pairwise form, rounded down to whole groups;
            None chooses by device. The value does not depend on it, memory is tile x B.

    Returns:
        () in float32 (float64 for float64 input). M = 1 gives 0 and a warning.

    Raises:
        ValueError: shapes, an unknown variant, temperature or tile not positive.
        TypeError: input that is not a floating point tensor.

    Example:
        >>> import torch
        >>> from glasskit.losses import outer_loss
        >>> vectors = torch.eye(4).reshape(2, 2, 4)
        >>> round(outer_loss(vectors, vectors, temperature=0.1).item(), 6)
        9.1e-05
    """
    check_pair(image, text)
    check_choice("variant", variant, OUTER_VARIANTS)
    check_temperature(temperature)
    check_tile(tile)
    with torch.autocast(image.device.type, enabled=False):
        u, v = unit(accumulator(image)), unit(accumulator(text))
        return outer_of_units(u, v, temperature, variant, tile)


def outer_of_units(
    image: Tensor, text: Tensor, temperature: float | Tensor, variant: str, tile: int | None
) -> Tensor:
    """`outer_loss` of checked unit vectors (M, N, L)."""
    if image.shape[0] == 1:
        warn_one_group()
    if variant == "centroid":
        return outer_centroid(centroids(image), centroids(text), temperature)
    rows, columns = pair_losses(image, text, temperature, tile)
    return (rows.mean() + columns.mean()) / 2


def check_tile(tile: int | None) -> None:
    """Refuse a tile of no pairs."""
    if tile is not None and tile < 1:
        raise ValueError(f"tile must be at least 1 pair, got {tile}")


def pair_losses(
    image: Tensor, text: Tensor, temperature: float | Tensor, tile: int | None = None
) -> tuple[Tensor, Tensor]:
    """LSE_b S_ab - LSE_{b in P(a)} S_ab of every image a, and of every text on S^T.

    It is log(1 + exp(LSE_others - LSE_P)): the sums over the own group and over the others are
    taken apart, so that a loss near 0 is not a difference of two large numbers.

    Shapes: unit vectors (M, N, L) -> (M, N) for the images, (M, N) for the texts.
    """
    groups, members, _ = image.shape
    u = scaled(image, temperature)
    own = u @ text.mT  # (M, N, N)
    if groups == 1:
        return 0 * own.sum(dim=2), 0 * own.sum(dim=1)
    pairs = groups * members
    budget = None if tile is None else tile * pairs
    step = groups_a_tile(groups, members * pairs, image.device, budget)
    of_image, of_text = CrossGroupLse.apply(u, text, step)
    rows = -F.logsigmoid(own.logsumexp(dim=2) - of_image)
    columns = -F.logsigmoid(own.logsumexp(dim=1) - of_text)
    return rows, columns
