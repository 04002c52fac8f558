"""One grouped batch from the batches of all ranks, with gradient.

Each rank holds whole groups. `gather_batch` joins them in rank order, every rank computes the
same loss on the joined batch, and the backward of the gather adds up, over the ranks, the
gradients that belong to a rank's own rows.

Scaling. All W ranks compute the same joined loss, so the gradient that reaches a rank's own
features is W times that of one process. DistributedDataParallel divides the parameters'
gradients by W, after which they equal those of one process on the joined batch: nothing else
is to be scaled, and a temperature that is a parameter comes out right as well. Without DDP,
average the parameters' gradients over the ranks (as DDP does), do not add them.

Letters: M groups, N members a group, L embedding width, P patches, K phrases, W ranks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from glasskit.losses.batch import PAIR_FIELDS, GroupedBatch

JOINED_FIELDS = ("image", *PAIR_FIELDS, "patches", "phrases")
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def gather_batch(
    batch: GroupedBatch, group: dist.ProcessGroup | None = None, check: bool = True
) -> GroupedBatch:
    """The joined batch (W M, N, L) of all ranks, rank 0's groups first, gradients attached.

    The noun phrases may differ in number between ranks: `phrase_owner` is shifted to the rows
    of the joined batch. `logit_scale` is the rank's own (a replicated parameter). Without an
    initialised process group, or with one rank, the batch comes back as it is.

    Args:
        batch: whole groups; M, N, L, P, which fields are there, their dtypes and whether they
            require a gradient must agree on all ranks.
        group: process group, the default one where None.
        check: exchange and compare these facts first. It costs one small collective and one
            host synchronisation; False saves both where the loader guarantees even groups, and
            is ignored for a batch with phrases, whose number must be known.

    Raises:
        ValueError: on every rank, before any feature is exchanged, where the ranks differ.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return batch
    world = dist.get_world_size(group)
    if world == 1:
        return batch
    facts = batch_facts(batch)
    if check or batch.phrases is not None:
        everyone = _exchange(facts, batch.image.device, world, group)
        _compare(everyone)
        phrases = [row[FACTS.index("phrases (K)")] for row in everyone]
    else:
        phrases = [0] * world
    joined: dict[str, Tensor | None] = {}
    for name in JOINED_FIELDS:
        value = getattr(batch, name)
        if value is None or name == "phrases":
            joined[name] = None
        else:
            joined[name] = _GatherRows.apply(value, group).flatten(0, 1)
    owner = None
    if batch.phrases is not None and batch.phrase_owner is not None:
        joined["phrases"] = _join_ragged(batch.phrases, phrases, group)
        rank = dist.get_rank(group)
        shifted = batch.phrase_owner + rank * batch.groups * batch.members
        owner = _join_ragged(shifted, phrases, group)
    return GroupedBatch(**joined, phrase_owner=owner, logit_scale=batch.logit_scale)


class _GatherRows(torch.autograd.Function):
    """(...) on each rank -> (W, ...) on all; backward: the sum over ranks of the own row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup | None) -> Tensor:
        ctx.group = group
        x = x.contiguous()
        out = [torch.empty_like(x) for _ in range(dist.get_world_size(group))]
        dist.all_gather(out, x, group=group)
        return torch.stack(out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # All-reduce and slice instead of reduce-scatter, which not every backend has.
        total = grad.contiguous().clone()
        dist.all_reduce(total, group=ctx.group)
        return total[dist.get_rank(ctx.group)], None


def _join_ragged(x: Tensor, counts: list[int], group: dist.ProcessGroup | None) -> Tensor:
    """Rows of all ranks in rank order where rank r holds counts[r] of them."""
    missing = max(counts) - x.shape[0]
    padded = torch.cat([x, x.new_zeros(missing, *x.shape[1:])])
    everyone = _GatherRows.apply(padded, group)
    return torch.cat([everyone[rank, :count] for rank, count in enumerate(counts)])


FACTS = (
    "groups (M)",
    "members (N)",
    "width (L)",
    "patches (P)",
    "fields",
    "dtypes",
    "requires_grad",
    "phrases (K)",
)


def batch_facts(batch: GroupedBatch) -> list[int]:
    """What must agree between ranks, as integers in the order of FACTS (the last is free)."""
    present = dtypes = grads = 0
    for place, name in enumerate(JOINED_FIELDS):
        value = getattr(batch, name)
        if value is not None:
            code = FLOATS.index(value.dtype) if value.dtype in FLOATS else len(FLOATS)
            present |= 1 << place
            dtypes |= code << (3 * place)
            grads |= (value.requires_grad and torch.is_grad_enabled()) << place
    patches = 0 if batch.patches is None else batch.patches.shape[2]
    phrases = 0 if batch.phrases is None else batch.phrases.shape[0]
    shape = [batch.groups, batch.members, batch.width]
    return [*shape, patches, present, dtypes, grads, phrases]


def _exchange(
    facts: list[int], device: torch.device, world: int, group: dist.ProcessGroup | None
) -> list[list[int]]:
    """The facts of all ranks, in rank order."""
    own = torch.tensor(facts, dtype=torch.int64, device=device)
    everyone = [torch.empty_like(own) for _ in range(world)]
    dist.all_gather(everyone, own, group=group)
    return torch.stack(everyone).tolist()


def _compare(everyone: list[list[int]]) -> None:
    """Refuse ranks that differ; every rank sees the same facts, so every rank refuses."""
    for place, fact in enumerate(FACTS[:-1]):
        values = [row[place] for row in everyone]
        if len(set(values)) > 1:
            if fact in ("fields", "dtypes", "requires_grad"):
                named = f"their {fact} differ between ranks"
            else:
                listed = ", ".join(f"rank {rank}: {value}" for rank, value in enumerate(values))
                named = f"{fact} differ between ranks ({listed})"
            raise ValueError(
                f"the ranks' batches cannot be joined: {named}; give every rank the same, "
                "for instance with drop_last"
            )
