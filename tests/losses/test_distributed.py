"""Two and three gloo processes give what one gives on the joined batch, for every objective."""

from __future__ import annotations

import datetime
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from glasskit.losses import GroupedBatch, gather_batch
from glasskit.losses.objectives import OBJECTIVES, build_objective
from tests.losses.objective_batches import differentiable, full_batch, vectors_of

WIDTH = 6

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="torch without gloo")


def joined(world: int) -> GroupedBatch:
    """Two groups a rank that overlap, and one phrase less on the last rank."""
    batch = full_batch(2 * world, 3, WIDTH)
    labels = torch.rand(2 * world, 3, 4, generator=torch.Generator().manual_seed(1)) < 0.2
    phrases, owner = batch.phrases[:-1], batch.phrase_owner[:-1]
    return replace(batch, phrases=phrases, phrase_owner=owner, labels=labels)


def share(batch: GroupedBatch, rank: int) -> GroupedBatch:
    """The groups of one rank."""
    own = slice(2 * rank, 2 * rank + 2)
    parts = {n: v[own] for n, v in vectors_of(batch).items() if v.dim() > 2}
    mine = (batch.phrase_owner // (2 * batch.members)) == rank
    owner = batch.phrase_owner[mine] - 2 * rank * batch.members
    return replace(
        batch,
        **parts,
        phrases=batch.phrases[mine],
        phrase_owner=owner,
        labels=batch.labels[own],
    )


def gradients(name: str, plain: GroupedBatch, world: int) -> dict[str, Tensor]:
    """Value and gradients of an objective, as DistributedDataParallel averages them."""
    batch, _ = differentiable(plain)
    objective = build_objective(name)
    total = objective(batch).total
    total.backward()
    read = ("image", "text", *objective.needs)
    grads = {field: getattr(batch, field).grad / world for field in read}
    own = {key: value.grad for key, value in objective.named_parameters()}
    return {"total": total.detach()} | own | grads


def refusals(rank: int) -> list[str]:
    """What is said of batches that differ between ranks."""
    one = torch.ones(2 + (rank == 1), 3, WIDTH)
    said = []
    for batch in (GroupedBatch(one, one), GroupedBatch(*(one[:2],) * (2 + (rank == 0)))):
        with pytest.raises(ValueError) as caught:
            gather_batch(batch)
        said.append(str(caught.value))
    return said


def work(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=world,
        timeout=datetime.timedelta(seconds=90),
    )
    batch = share(joined(world), rank)
    result: dict[str, Any] = {name: gradients(name, batch, world) for name in OBJECTIVES}
    result["refused"] = refusals(rank)
    result["owner"] = gather_batch(batch).phrase_owner
    trusted = gather_batch(GroupedBatch(batch.image, batch.text), check=False)
    result["trusted"] = trusted.groups
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def ranks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What each rank found, in rank order; one start of the processes serves all tests."""
    world, folder = request.param, tmp_path_factory.mktemp("ranks")
    # A fork server imports torch once for all processes, spawn once for each.
    multiprocessing.set_forkserver_preload(["torch._dynamo", __name__])
    mp.start_processes(work, args=(world, str(folder)), nprocs=world, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt") for rank in range(world)]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_is_that_of_the_joined_batch(name: str, ranks: list[dict[str, Any]]) -> None:
    want = gradients(name, joined(len(ranks)), 1)
    for key, value in want.items():
        found = [rank[name][key] for rank in ranks]
        if value.dim():  # gradients of a rank's own rows
            torch.testing.assert_close(torch.cat(found), value)
        else:
            torch.testing.assert_close(found, [value] * len(ranks))


def test_ranks_that_differ_are_refused_on_every_rank(ranks: list[dict[str, Any]]) -> None:
    for rank in ranks:
        shapes, present = rank["refused"]
        assert (
            "cannot be joined: shapes of image differ between ranks (rank 0: (2, 3, 6), " in shapes
        )
        assert "cannot be joined: fields differ between ranks (rank 0: ('image', " in present


def test_phrases_keep_their_pairs_and_even_groups_need_no_check(
    ranks: list[dict[str, Any]],
) -> None:
    for rank in ranks:
        assert torch.equal(rank["owner"], joined(len(ranks)).phrase_owner)
        assert rank["trusted"] == 2 * len(ranks)


def test_one_process_needs_no_process_group() -> None:
    batch = full_batch()
    assert gather_batch(batch) is batch
