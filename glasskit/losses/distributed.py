"""One grouped batch from the batches of all ranks, with gradient.

Each rank holds whole groups. `gather_batch` joins them in rank order, every rank computes the
same loss on the joined batch, and the backward of the gather adds up, over the ranks, the
gradients that belong to a rank's own rows.

Scaling. All W ranks compute the same joined loss, so the gradient that reaches a rank's own
features is W times that of one process. DistributedDataParallel divides the parameters'
gradients by W, after which they equal those of one process on the joined batch: nothing else
is to be scaled, and a temperature that is a parameter comes out right as well. Without DDP,
average the parameters' gradients over the ranks (as DDP does), do not add them.

Letters: M groups, N members a group, L embedding width, K phrases, W ranks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from glasskit.losses.batch import PAIR_FIELDS, GroupedBatch

GROUPED_FIELDS = ("image", *PAIR_FIELDS, "patches", "labels")
"""Fields that begin with M."""

Facts = dict[str, Any]


def gather_batch(batch: GroupedBatch, check: bool = True) -> GroupedBatch:
    """The joined batch (W M, N, L) of all ranks, rank 0's groups first, gradients attached.

    The noun phrases may differ in number between ranks: `phrase_owner` is shifted to the rows
    of the joined batch. The columns of `labels` must stand for the same labels on all ranks.
    `logit_scale` is the rank's own (a replicated parameter). Without an initialised process group,
    or with one rank, the batch comes back as it is.

    Args:
        batch: whole groups; which fields are there, their shapes, their dtypes and whether they
            require a gradient must agree on all ranks.
        check: exchange and compare these facts first. It costs one small collective and one
            host synchronisation; False saves both where the loader guarantees even groups, and
            is ignored for a batch with phrases, whose number must be known.

    Raises:
        ValueError: on every rank, before any feature is exchanged, where the ranks differ.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return batch
    owner = batch.phrase_owner
    counts: list[int] = []
    if check or owner is not None:
        everyone: list[Any] = [None] * dist.get_world_size()
        own = (batch_facts(batch), 0 if owner is None else len(owner))
        dist.all_gather_object(everyone, own)
        _compare([facts for facts, _ in everyone])
        counts = [phrases for _, phrases in everyone]
    joined = {
        name: _AllRanks.apply(value).flatten(0, 1)
        for name in GROUPED_FIELDS
        if (value := getattr(batch, name)) is not None
    }
    if batch.phrases is not None and owner is not None:
        shifted = owner + dist.get_rank() * batch.groups * batch.members
        joined["phrases"] = _join_uneven(batch.phrases, counts)
        joined["phrase_owner"] = _join_uneven(shifted, counts)
    return GroupedBatch(**joined, logit_scale=batch.logit_scale)


class _AllRanks(torch.autograd.Function):
    """(...) on each rank -> (W, ...) on all; backward: the sum over ranks of the own row.

    `torch.distributed.nn.functional.all_gather` of torch 2.15 gives a wrong gradient on gloo where
    the one that arrives is a transposed view.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()
        out = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(out, x)
        return torch.stack(out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        # All-reduce and slice instead of reduce-scatter, which not every backend has.
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return total[dist.get_rank()]


def _join_uneven(x: Tensor, counts: list[int]) -> Tensor:
    """Rows of all ranks in rank order where rank r holds counts[r] of them."""
    padded = torch.cat([x, x.new_zeros(max(counts) - len(x), *x.shape[1:])])
    everyone = _AllRanks.apply(padded)
    return torch.cat([everyone[rank, :count] for rank, count in enumerate(counts)])


def batch_facts(batch: GroupedBatch) -> Facts:
    """What must agree between ranks, by name. Of phrases, the number is free."""
    fields = {
        name: value
        for name in (*GROUPED_FIELDS, "phrases")
        if (value := getattr(batch, name)) is not None
    }
    facts: Facts = {"fields": tuple(fields)}
    for name, value in fields.items():
        facts[f"shapes of {name}"] = tuple(value.shape[name == "phrases" :])
        facts[f"dtypes of {name}"] = value.dtype
        facts[f"requires_grad of {name}"] = value.requires_grad and torch.is_grad_enabled()
    return facts


def _compare(everyone: list[Facts]) -> None:
    """Refuse ranks that differ; every rank sees the same facts, so every rank refuses."""
    for fact in everyone[0]:
        values = [facts[fact] for facts in everyone]
        if any(value != values[0] for value in values):
            listed = ", ".join(f"rank {rank}: {value}" for rank, value in enumerate(values))
            raise ValueError(
                f"the ranks' batches cannot be joined: {fact} differ between ranks ({listed}); "
                "give every rank the same, for instance with drop_last"
            )
