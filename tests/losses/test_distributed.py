"""Two and three gloo processes against one process on the joined batch."""

from __future__ import annotations

import datetime
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glasskit.losses import GroupedBatch, GroupedContrastiveLoss, gather_batch

GROUPS, MEMBERS, WIDTH, PATCHES = 2, 3, 6, 2
PHRASES = (3, 1, 4)  # by rank: their number may differ

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="torch without gloo")


def raw(rank: int, groups: int = GROUPS) -> GroupedBatch:
    """The features that one rank's loader gives, before the trained map."""
    generator = torch.Generator().manual_seed(rank)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return GroupedBatch(
        image=draw(groups, MEMBERS, WIDTH),
        text=draw(groups, MEMBERS, WIDTH),
        negation=draw(groups, MEMBERS, WIDTH),
        phrases=draw(PHRASES[rank], WIDTH),
        phrase_owner=torch.arange(PHRASES[rank]) % (groups * MEMBERS),
        patches=draw(groups, MEMBERS, PATCHES, WIDTH),
    )


class Model(nn.Module):
    """A trained map in front of the features, and a learned temperature."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.map = nn.Linear(WIDTH, WIDTH, dtype=torch.float64)
        self.temperature = nn.Parameter(torch.tensor(0.2, dtype=torch.float64))

    def forward(self, batch: GroupedBatch) -> tuple[GroupedBatch, Tensor]:
        mapped = GroupedBatch(
            image=self.map(batch.image),
            text=self.map(batch.text),
            negation=self.map(batch.negation),
            phrases=self.map(batch.phrases),
            phrase_owner=batch.phrase_owner,
            patches=self.map(batch.patches),
        )
        return mapped, self.temperature * 1


def loss_of(batch: GroupedBatch, temperature: Tensor) -> Tensor:
    """The grouped loss plus a term that weighs every other field by its place in the batch."""
    loss = GroupedContrastiveLoss(temperature=temperature)(batch.image, batch.text).total
    rows = batch.image.flatten(0, 1)[batch.phrase_owner]
    place = torch.arange(1.0, 1.0 + batch.groups, dtype=torch.float64).reshape(-1, 1, 1)
    return (
        loss
        + (rows * batch.phrases).mean()
        + (batch.negation * place).mean()
        + (batch.patches.square() * place.unsqueeze(-1)).mean()
    )


def joined(world: int) -> GroupedBatch:
    parts = [raw(rank) for rank in range(world)]
    shift = GROUPS * MEMBERS
    owners = [part.phrase_owner + rank * shift for rank, part in enumerate(parts)]
    names = ("image", "text", "negation", "phrases", "patches")
    fields = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    return GroupedBatch(**fields, phrase_owner=torch.cat(owners))


def train_step(rank: int, world: int) -> dict[str, Any]:
    model = DistributedDataParallel(Model())
    mapped, temperature = model(raw(rank))
    batch = gather_batch(mapped)
    loss = loss_of(batch, temperature)
    loss.backward()
    grads = {name: p.grad for name, p in model.module.named_parameters()}
    return {"loss": loss.detach(), "grads": grads, "owner": batch.phrase_owner}


def uneven(rank: int, world: int) -> dict[str, Any]:
    said = []
    for batch in (
        raw(rank, groups=2 + (rank == 1)),
        GroupedBatch(*(raw(rank).image,) * (2 + (rank == 0))),
    ):
        try:
            gather_batch(batch)
        except ValueError as error:
            said.append(str(error))
    plain = GroupedBatch(image=raw(rank).image, text=raw(rank).text)
    trusted = gather_batch(plain, check=False)
    return {"said": said, "rows": trusted.groups}


def work(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=world,
        timeout=datetime.timedelta(seconds=90),
    )
    result = train_step(rank, world) | uneven(rank, world)
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=[2, 3])
def ranks(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What each rank found, in rank order; one start of the processes serves all tests."""
    world = request.param
    # A fork server imports torch once for all processes, spawn once for each.
    multiprocessing.set_forkserver_preload(["torch._dynamo", __name__])
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(work, args=(world, folder), nprocs=world, start_method="forkserver")
        return [torch.load(Path(folder) / f"{rank}.pt") for rank in range(world)]


def test_loss_and_gradients_are_those_of_the_joined_batch(ranks: list[dict[str, Any]]) -> None:
    model = Model()
    batch, temperature = model(joined(len(ranks)))
    want = loss_of(batch, temperature)
    want.backward()
    for got in ranks:
        torch.testing.assert_close(got["loss"], want.detach())
        assert torch.equal(got["owner"], batch.phrase_owner)
        for name, p in model.named_parameters():
            torch.testing.assert_close(got["grads"][name], p.grad)


def test_ranks_that_differ_are_refused_on_every_rank(ranks: list[dict[str, Any]]) -> None:
    for got in ranks:
        groups, fields = got["said"]
        assert "cannot be joined: groups (M) differ between ranks (rank 0: 2, rank 1: 3" in groups
        assert "cannot be joined: their fields differ between ranks" in fields


def test_even_groups_need_no_check(ranks: list[dict[str, Any]]) -> None:
    assert {got["rows"] for got in ranks} == {len(ranks) * GROUPS}


def test_one_process_needs_no_process_group() -> None:
    batch = raw(0)
    assert gather_batch(batch) is batch
