"""Two processes give what one gives on the joined batch, for every objective of the registry."""

from __future__ import annotations

import multiprocessing
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from glasskit.losses import GroupedBatch
from glasskit.losses.objectives import OBJECTIVES, build_objective
from tests.losses.objective_batches import differentiable, full_batch

RANKS = 2


def share(batch: GroupedBatch, rank: int) -> GroupedBatch:
    """The groups of one rank; phrases are shared out unevenly, as the captions have them."""
    own = slice(2 * rank, 2 * rank + 2)
    parts = {
        item.name: value[own]
        for item in fields(batch)
        if (value := getattr(batch, item.name)) is not None and value.dim() > 2
    }
    first = 2 * rank * batch.members
    mine = (batch.phrase_owner // (2 * batch.members)) == rank
    mine[-1] = False  # rank 1 has a phrase less
    return replace(
        batch, **parts, phrases=batch.phrases[mine], phrase_owner=batch.phrase_owner[mine] - first
    )


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS
    )
    found = {}
    for name in OBJECTIVES:
        batch, _ = differentiable(share(full_batch(4, 3), rank))
        objective = build_objective(name)
        total = objective(batch).total
        total.backward()
        read = ("image", "text", *objective.needs)
        # DistributedDataParallel divides by the number of ranks.
        grads = {field: getattr(batch, field).grad / RANKS for field in read}
        grads |= {key: value.grad for key, value in objective.named_parameters()}
        found[name] = {"total": total.detach()} | grads
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, torch.Tensor]]]:
    folder = tmp_path_factory.mktemp("ranks")
    # One process imports what takes seconds, the ranks are its forks.
    multiprocessing.set_forkserver_preload([__name__, "open_clip"])
    mp.start_processes(work, args=(str(folder),), nprocs=RANKS, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_two_ranks_equal_one(name: str, ranks: list[dict[str, dict[str, torch.Tensor]]]) -> None:
    plain = full_batch(4, 3)
    plain = replace(plain, phrases=plain.phrases[:-1], phrase_owner=plain.phrase_owner[:-1])
    batch, _ = differentiable(plain)
    objective = build_objective(name)
    total = objective(batch).total
    total.backward()
    for found in ranks:
        torch.testing.assert_close(found[name].pop("total"), total.detach())
    for key, parameter in objective.named_parameters():
        for found in ranks:
            torch.testing.assert_close(found[name].pop(key), parameter.grad)
    for field in ranks[0][name]:
        joined = torch.cat([found[name][field] for found in ranks])
        torch.testing.assert_close(joined, getattr(batch, field).grad)
