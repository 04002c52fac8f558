"""CLEAR GLASS, outer and inner loss, as plain functions (arXiv 2509.12771, section 3).

The outer loss tells groups apart, the inner loss draws the members of a group together. Both have
a pairwise form, a centroid form, and the inner one a form with cosine distances. The pairwise forms
look at a few groups at a time, so that a large batch fits in memory: see `in_chunks`.

Letters: M groups, N members a group, L embedding width, B = M N pairs; u_a, v_a unit image and text
vectors of pair a; u_gi, v_gj those of members i and j of group g; tau the temperature.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from glasskit.losses.overlap import check_shared, shared_with_groups, without
from glasskit.losses.vectors import (
    MASKED,
    ZERO_NORM,
    accumulator,
    check_choice,
    check_pair,
    check_temperature,
    learning,
    scaled,
    symmetric_cross_entropy,
    unit,
    unit_sum,
)

OUTER_VARIANTS = ("pairwise", "centroid")
INNER_VARIANTS = ("pairwise", "centroid", "cosine")
CENTROIDS = ("inclusive", "leave_one_out")

CHUNK = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Numbers computed at a time. 4 MiB of float32 stay in the cache of a processor; a GPU likes few
launches, and at common batch sizes has one chunk."""

MOST_CHUNKS = 256
"""What each chunk leaves, a number for every pair, is held until the last is done."""

KEPT = {"cpu": 1 << 25, "cuda": 1 << 28}
"""Numbers kept for the backward; where there would be more, each chunk is computed again there.

On a CPU half as many would take 147 MiB in place of 386 at 256 x 16 x 512, and 11% more time."""

T = TypeVar("T")


def outer_loss(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor = 0.1,
    variant: str = "pairwise",
    shared: Tensor | None = None,
) -> Tensor:
    """How badly a pair finds its own group among all groups, images to texts and back.

    pairwise, with S_ab = u_a . v_b / tau and P(a) the pairs of a's group:

        1/2 { mean_a [ LSE_b S_ab - LSE_{b in P(a)} S_ab ] + the same on S^T }

    Every image and text of one group are positives, and one near positive satisfies the row: the
    sum over positives is inside the logarithm. centroid: symmetric cross entropy of the M image
    centroids against the M text centroids.

    Where groups overlap, pairs that share a label are no negatives of each other: pairwise, b is
    left out of LSE_b S_ab; centroid, two groups of which any pairs share one leave each other out.

    Args:
        image: (M, N, L), any norm; float16, bfloat16, float32 or float64.
        text: (M, N, L).
        temperature: positive number, or a tensor of one element that may require a gradient.
        variant: "pairwise" or "centroid".
        shared: (B, B) bool, symmetric, pairs that are no negatives of each other (`shared_labels`
            makes it of labels); in-group entries are not looked at.

    Returns:
        () in float32 (float64 for float64 input). M = 1 gives 0 and a warning.

    Raises:
        ValueError: shapes, an unknown variant, a temperature that is not positive, `shared` that
            is not (B, B) bool.
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
    check_shared(shared, image.shape[0] * image.shape[1])
    with torch.autocast(image.device.type, enabled=False):
        u, v = unit(accumulator(image)), unit(accumulator(text))
        return outer_of_units(u, v, temperature, variant, shared)


def outer_of_units(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor,
    variant: str,
    shared: Tensor | None = None,
) -> Tensor:
    """`outer_loss` of unit vectors (M, N, L), with checked options."""
    if image.shape[0] == 1:
        _warn_one_group()
    if variant == "centroid":
        of_groups = None if shared is None else shared_with_groups(shared, image.shape[1]).any(1)
        return outer_centroid(centroids(image), centroids(text), temperature, of_groups)
    to_text, to_image = pair_losses(image, text, temperature, shared)
    return (to_text.mean() + to_image.mean()) / 2


def inner_loss(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor = 0.1,
    variant: str = "pairwise",
    centroid: str = "inclusive",
    shared: Tensor | None = None,
) -> Tensor:
    """How badly the members of a group find their group's centroid among all centroids.

    With c_gij = normalise(u_gi * v_gj), all N^2 in-group products of a group, and
    mu_g = normalise(sum_ij c_gij), through which gradients flow:

        pairwise  mean_gij CE( (c_gij . mu_h / tau)_h , g )
        cosine    mean_gij (1 - c_gij . mu_g), no temperature, no negatives
        centroid  mean over g, i and both modalities of CE( (u_gi . m_h / tau)_h , g ),
                  m_h = normalise(sum_i u_hi)

    `centroid="inclusive"` is the paper's: a member is part of the centroid it must find, so that
    pure noise already scores well (8 groups of width 64 at temperature 0.07: 0.002 at N = 2,
    0.10 at N = 5, 0.46 at N = 10, where chance is log 8 = 2.08).
    "leave_one_out" takes the member out of its own group's centroid: centroid,
    normalise(sum_g - u_gi); pairwise and cosine, the products that share neither image i nor
    text j.

    Where groups overlap, group h is no negative of a member that shares a label with any pair of
    h; pairwise, of a product c_gij whose pair i or pair j does.

    Args:
        image: (M, N, L), any norm; float16, bfloat16, float32 or float64.
        text: (M, N, L).
        temperature: positive number, or a tensor of one element that may require a gradient.
        variant: "pairwise", "centroid" or "cosine".
        centroid: "inclusive" or "leave_one_out".
        shared: as in `outer_loss`; of no use to cosine, which has no negatives.

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
    check_shared(shared, image.shape[0] * image.shape[1])
    with torch.autocast(image.device.type, enabled=False):
        u, v = unit(accumulator(image)), unit(accumulator(text))
        return inner_of_units(u, v, temperature, variant, centroid, shared)


def inner_of_units(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor,
    variant: str,
    centroid: str,
    shared: Tensor | None = None,
) -> Tensor:
    """`inner_loss` of unit vectors (M, N, L), with checked options."""
    groups, members, _ = image.shape
    leave_out = centroid == "leave_one_out"
    if leave_out and members == 1:
        raise ValueError(
            "centroid='leave_one_out' needs at least 2 members a group, got N = 1: "
            "nothing is left when the only member is left out"
        )
    if groups == 1 and variant != "cosine":
        _warn_one_group()
    if members == 1 and learning():
        warnings.warn(
            "N = 1: a group of one member is its own centroid, so the inner loss has nothing to "
            "draw together; use at least 2 members a group",
            stacklevel=2,
        )
    if variant == "cosine":
        return inner_cosine(image, text, leave_out)
    with_groups = None if shared is None else shared_with_groups(shared, members)
    if variant == "pairwise":
        return inner_pairwise(image, text, temperature, leave_out, with_groups)
    sides = [
        inner_leave_one_out(x, temperature, with_groups)
        if leave_out
        else inner_centroid(x, centroids(x), temperature, with_groups)
        for x in (image, text)
    ]
    return (sides[0] + sides[1]) / 2


def _warn_one_group() -> None:
    """Say that a batch of one group teaches nothing (Python shows a warning once a place)."""
    if learning():
        warnings.warn(
            "M = 1: with one group in the batch there are no negatives, so every scaled "
            "CLEAR GLASS term is 0 and has no gradient; use at least 2 groups a batch",
            stacklevel=3,
        )


# ---- pairwise forms ---------------------------------------------------------------------------


def pair_losses(
    image: Tensor, text: Tensor, temperature: float | Tensor, shared: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """LSE_b S_ab - LSE_{b in P(a)} S_ab of every image a, and of every text on S^T.

    It is log(1 + exp(LSE_others - LSE_P)): the sums over the own group and over the others are
    taken apart, so that a loss near 0 is not a difference of two large numbers.

    Shapes: unit vectors (M, N, L), (B, B) bool or None -> (M, N) for the images, (M, N) for the
    texts.
    """
    groups, members, _ = image.shape
    a = scaled(image, temperature)
    own = a @ text.mT  # (M, N, N)
    flat = text.flatten(0, 1)  # (B, L)
    masked = torch.eye(groups, dtype=torch.bool, device=image.device)[:, None, :, None]
    if shared is not None:
        masked = masked | shared.reshape(groups, members, groups, members)

    def others(chunk: slice) -> tuple[Tensor, Tensor]:
        """LSE over other groups of the chunk's images, and of all texts over the chunk's images."""
        s = (a[chunk] @ flat.T).unflatten(2, (groups, members))  # (t, N, M, N)
        s = s.masked_fill(masked[chunk], MASKED)
        return s.flatten(2).logsumexp(2), s.flatten(0, 1).logsumexp(0)

    parts = in_chunks(others, groups, members * groups * members, image.device)
    of_image = torch.cat([rows for rows, _ in parts])  # (M, N)
    of_text = torch.stack([columns for _, columns in parts]).logsumexp(0)  # (M, N)
    to_text = -F.logsigmoid(own.logsumexp(2) - of_image)
    to_image = -F.logsigmoid(own.logsumexp(1) - of_text)
    return to_text, to_image


def inner_pairwise(
    image: Tensor,
    text: Tensor,
    temperature: float | Tensor,
    leave_out: bool,
    with_groups: Tensor | None = None,
) -> Tensor:
    """mean_gij CE( (c_gij . mu_h / tau)_h , g ), see `inner_loss`.

    Shapes: unit vectors (M, N, L), `shared_with_groups` (M, N, M) or None -> ().
    """
    groups, members, width = image.shape
    weight = product_weights(image, text)
    centres = unit_sum(product_sums(image, text, weight), members**2)  # mu, (M, L)
    centres = scaled(centres, temperature)
    in_group = torch.eye(groups, dtype=torch.bool, device=image.device)

    def total(chunk: slice) -> Tensor:
        """Sum of the cross entropies of the chunk's products."""
        product = image[chunk, :, None] * text[chunk, None]  # (t, N, N, L)
        logits = weight[chunk, :, :, None] * (product @ centres.T)  # (t, N, N, M)
        masked = in_group[chunk, None, None]  # (t, 1, 1, M)
        if with_groups is not None:  # of pair i, or of pair j: (t, N, N, M)
            masked = masked | with_groups[chunk, :, None] | with_groups[chunk, None]
        if leave_out:
            rest = rest_similarity(image[chunk], text[chunk], weight[chunk])
            own = scaled(rest, temperature)
        else:
            own = logits[..., chunk].diagonal(dim1=0, dim2=3).movedim(2, 0)
        return -F.logsigmoid(own - logits.masked_fill(masked, MASKED).logsumexp(3)).sum()

    cost = members**2 * max(width, groups)
    parts = in_chunks(total, groups, cost, image.device)
    return torch.stack(parts).sum() / (groups * members**2)


def inner_cosine(image: Tensor, text: Tensor, leave_out: bool) -> Tensor:
    """mean_gij (1 - c_gij . mu_g), see `inner_loss`.

    The mean of c_gij . normalise(sum c) is ||sum c|| / N^2: the inclusive form needs no product.

    Shapes: unit vectors (M, N, L) -> ().
    """
    groups, members, width = image.shape
    weight = product_weights(image, text)
    if not leave_out:
        lengths = torch.linalg.vector_norm(product_sums(image, text, weight), dim=-1)
        return 1 - lengths.mean() / members**2

    def total(chunk: slice) -> Tensor:
        return rest_similarity(image[chunk], text[chunk], weight[chunk]).sum()

    parts = in_chunks(total, groups, members**2 * width, image.device)
    return 1 - torch.stack(parts).sum() / (groups * members**2)


def product_weights(image: Tensor, text: Tensor) -> Tensor:
    """w_ij = 1 / ||u_i * v_j||, so that c_ij = w_ij u_i * v_j; 0 where the product vanishes.

    By ||u_i * v_j||^2 = u_i^2 . v_j^2 it is one matrix product a group.

    Shapes: (M, N, L) -> (M, N, N).
    """
    squared = image.square() @ text.square().mT
    floor = ZERO_NORM**2
    return squared.clamp_min(floor).rsqrt() * (squared > floor)


def product_sums(image: Tensor, text: Tensor, weight: Tensor) -> Tensor:
    """sum_ij c_ij of each group: (M, N, L), (M, N, L), (M, N, N) -> (M, L)."""
    return (image * (weight @ text)).sum(dim=1)


def rest_similarity(image: Tensor, text: Tensor, weight: Tensor) -> Tensor:
    """c_ij . normalise( sum_kl c_kl over k != i and l != j ): what shares nothing with c_ij.

    Leaving out c_ij alone would keep u_i and v_j in 2 N - 2 other products, and with them the head
    start of a member inside its own centroid.

    Shapes: (t, N, L), (t, N, L), (t, N, N) -> (t, N, N), N >= 2.
    """
    c = weight.unsqueeze(3) * (image.unsqueeze(2) * text.unsqueeze(1))  # (t, N, N, L)
    row, column = c.sum(2, keepdim=True), c.sum(1, keepdim=True)
    rest = row.sum(1, keepdim=True) - row - column + c
    return (c * unit_sum(rest, image.shape[1] ** 2)).sum(3)


def in_chunks(term: Callable[[slice], T], groups: int, cost: int, device: torch.device) -> list[T]:
    """term(groups of a chunk) for all chunks, in order.

    Where all of it would be too much to keep for the backward, each chunk is dropped after the
    forward and computed again in the backward (`torch.utils.checkpoint`).

    Args:
        term: tensors from a slice of the M groups; called twice for each chunk of a large batch.
        groups: M.
        cost: numbers that one group adds.
        device: where they lie.
    """
    kind = device.type if device.type in CHUNK else "cuda"
    step = max(1, min(groups, CHUNK[kind] // cost), groups // MOST_CHUNKS)
    chunks = [slice(start, min(start + step, groups)) for start in range(0, groups, step)]
    if groups * cost <= KEPT[kind]:
        return [term(chunk) for chunk in chunks]
    return [
        checkpoint(term, chunk, use_reentrant=False, preserve_rng_state=False) for chunk in chunks
    ]


# ---- centroid forms ---------------------------------------------------------------------------


def centroids(x: Tensor) -> Tensor:
    """m_g = normalise(sum_i x_gi) of unit vectors: (M, N, L) -> (M, L)."""
    return unit_sum(x.sum(dim=1), x.shape[1])


def outer_centroid(
    image: Tensor, text: Tensor, temperature: float | Tensor, of_groups: Tensor | None = None
) -> Tensor:
    """1/2 [ CE(m^I m^T' / tau, g) + CE(m^T m^I' / tau, g) ] of the M centroids.

    Shapes: (M, L), (M, L); (M, M) bool or None, groups of which any pairs share a label -> ().
    """
    return symmetric_cross_entropy(without(scaled(image, temperature) @ text.T, of_groups))


def inner_centroid(
    x: Tensor, centres: Tensor, temperature: float | Tensor, with_groups: Tensor | None = None
) -> Tensor:
    """mean_gi CE( (u_gi . m_h / tau)_h , g ) of one modality.

    Shapes: unit vectors (M, N, L), their groups' centroids (M, L), `shared_with_groups` (M, N, M)
    or None -> ().
    """
    groups, members, _ = x.shape
    logits = x.flatten(0, 1) @ scaled(centres, temperature).T  # (B, M)
    logits = logits if with_groups is None else without(logits, with_groups.flatten(0, 1))
    target = torch.arange(groups, device=x.device).repeat_interleave(members)
    return F.cross_entropy(logits, target)


def inner_leave_one_out(
    x: Tensor, temperature: float | Tensor, with_groups: Tensor | None = None
) -> Tensor:
    """As inner_centroid, with the own centroid normalise(sum_g - u_gi), N >= 2.

    A member does not score by being in the centroid that it must find.
    """
    groups, members, _ = x.shape
    rest = unit_sum(x.sum(dim=1, keepdim=True) - x, members)
    own = scaled((x * rest).sum(-1, keepdim=True), temperature)  # (M, N, 1)
    logits = x @ scaled(centroids(x), temperature).T  # (M, N, M)
    in_group = torch.eye(groups, dtype=torch.bool, device=x.device).unsqueeze(1)
    logits = without(torch.where(in_group, own, logits), with_groups)
    return (logits.logsumexp(-1) - own.squeeze(-1)).mean()
