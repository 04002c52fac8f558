"""Batches with every optional field, for the tests of the objectives."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from glasskit.losses import GroupedBatch


def full_batch(
    groups: int = 3,
    members: int = 4,
    width: int = 6,
    *,
    patches: int = 3,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> GroupedBatch:
    """Vectors of many lengths around a centre for each group, two phrases a pair."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    centre = draw(groups, 1, width)
    pairs = groups * members
    return GroupedBatch(
        image=centre + draw(groups, members, width),
        text=centre + draw(groups, members, width),
        paraphrase=centre + draw(groups, members, width),
        negation=draw(groups, members, width),
        negative_image=draw(groups, members, width),
        general=centre + draw(groups, members, width),
        altered=centre + draw(groups, members, width),
        phrases=draw(2 * pairs, width),
        phrase_owner=torch.arange(pairs).repeat_interleave(2),
        patches=draw(groups, members, patches, width),
    )


def overlapping_labels() -> Tensor:
    """(4, 3, 5): the ideas of 4 groups, three pictures with a second one; two share a fifth label.

    Groups 0 and 1 have nothing in common; of groups 0 and 2 picture 0 of each has not either.
    """
    labels = torch.eye(4, 5, dtype=torch.bool)[:, None].repeat(1, 3, 1)
    for group, member, label in ((0, 1, 2), (2, 2, 0), (3, 0, 1), (1, 2, 4), (3, 2, 4)):
        labels[group, member, label] = True
    return labels


def vectors_of(batch: GroupedBatch) -> dict[str, Tensor]:
    """The fields of a batch that are there and hold vectors, by name."""
    values = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return {n: v for n, v in values.items() if v is not None and v.is_floating_point()}


def reordered(batch: GroupedBatch, groups: Tensor, members: Tensor) -> GroupedBatch:
    """The same pairs, the groups in another order and the members of all groups in another."""
    place = torch.arange(batch.groups * batch.members).view(batch.groups, batch.members)
    moved = place[groups][:, members].flatten()  # old row at each new place
    changes = {n: v[groups][:, members] for n, v in vectors_of(batch).items() if v.dim() > 2}
    return replace(batch, **changes, phrase_owner=moved.argsort()[batch.phrase_owner])


def differentiable(batch: GroupedBatch) -> tuple[GroupedBatch, list[Tensor]]:
    """The batch with gradients asked of every vector field, and these fields."""
    changes = {n: v.detach().clone().requires_grad_() for n, v in vectors_of(batch).items()}
    return replace(batch, **changes), list(changes.values())
