"""On a CUDA device: values, gradients, training and vectors are those of the CPU.

Skipped where there is none; `pytest -m gpu` runs them alone.
"""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from glasskit.losses import GroupedBatch, functional
from glasskit.losses.objectives import OBJECTIVES, build_objective
from glasskit.models import load_model
from tests.losses.objective_batches import differentiable, full_batch, vectors_of
from tests.training.toys import tiny_open_clip, toy_model, toy_run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICE = "cuda"


def moved(batch: GroupedBatch) -> GroupedBatch:
    """The batch on the GPU, as leaves that have no gradient yet."""
    there = {item.name: getattr(batch, item.name) for item in fields(batch)}
    return GroupedBatch(**{n: v if v is None else v.detach().to(DEVICE) for n, v in there.items()})


def value_and_gradients(name: str, batch: GroupedBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """Of an objective with respect to the vectors that it reads, on the CPU."""
    batch, _ = differentiable(batch)
    total = build_objective(name).to(batch.image.device)(batch).total
    total.backward()
    grads = {n: v.grad.cpu() for n, v in vectors_of(batch).items() if v.grad is not None}
    return total.detach().cpu(), grads


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_is_that_of_the_cpu(name: str) -> None:
    batch = full_batch(8, 6, 32, dtype=torch.float32)
    found, expected = (value_and_gradients(name, b) for b in (moved(batch), batch))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_takes_bf16_and_autocast(name: str) -> None:
    batch = moved(full_batch(8, 6, 32, dtype=torch.bfloat16))
    wide = replace(batch, **{n: v.float() for n, v in vectors_of(batch).items()})
    with torch.autocast(DEVICE, torch.bfloat16):
        found, grads = value_and_gradients(name, batch)
    torch.testing.assert_close(found, value_and_gradients(name, wide)[0])
    assert len(grads) >= 2
    assert all(grad.isfinite().all() for grad in grads.values())


@pytest.mark.parametrize("name", ["grouped", "grouped-cosine", "grouped-leave-one-out"])
def test_chunks_give_what_one_piece_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = moved(full_batch(64, 8, 64, dtype=torch.float32))
    expected = value_and_gradients(name, batch)
    monkeypatch.setitem(functional.CHUNK, DEVICE, 1)
    torch.testing.assert_close(value_and_gradients(name, batch), expected)
    monkeypatch.setitem(functional.KEPT, DEVICE, 1)  # computed again in the backward
    torch.testing.assert_close(value_and_gradients(name, batch), expected)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (toy_model, {"mode": "head"}),
        (tiny_open_clip, {"mode": "full", "precision": "fp32"}),
        (tiny_open_clip, {"mode": "full", "precision": "bf16", "accumulate": 3}),
        (tiny_open_clip, {"mode": "full", "precision": "fp16"}),
    ],
    ids=["head", "full", "full in parts, bf16", "full, fp16"],
)
def test_a_run_goes_on_where_it_stopped(
    make, settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, unless two whole runs on this device differ; then by no more than rounding."""
    monkeypatch.setenv("GLASSKIT_CACHE", str(tmp_path / "cache"))
    settings = {"device": "auto", "epochs": 2, "learn_temperature": True, "ema": 0.5, **settings}
    for whole in ("one", "two"):
        toy_run(tmp_path / whole, model=make(), **settings)
    asked = count(1)  # after every step; a GPU's losses are read later
    cut = toy_run(tmp_path / "cut", model=make(), **settings, stop=lambda: next(asked) == 5)
    assert cut.status == "stopped"
    toy_run(tmp_path / "cut", model=make(), **settings, resume=True)
    one, two, resumed = (
        load_file(tmp_path / run / "model.safetensors") for run in ("one", "two", "cut")
    )
    exact = all(torch.equal(one[name], two[name]) for name in one)
    torch.testing.assert_close(resumed, one, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-4)
    print(f"{settings}: two runs are {'equal bit for bit' if exact else 'not equal'}")


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-5), ("bf16", 1e-2)])
def test_pictures_and_texts_have_the_vectors_of_the_cpu(
    precision: str, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLASSKIT_PRECISION", precision)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (6, 30, 40, 3), dtype=torch.uint8, generator=generator)
    pictures = [Image.fromarray(p.numpy()).resize((320, 240)) for p in noise]
    texts = ["a heron stands in the reeds", "rain", "two people wait for a bus"]
    ours, cpu = (load_model("ViT-B-32/random", device=d) for d in (DEVICE, "cpu"))
    assert ours.device.type == DEVICE
    for found, expected in (
        (ours.encode_images(pictures), cpu.encode_images(pictures)),
        (ours.encode_texts(texts), cpu.encode_texts(texts)),
    ):
        assert found.dtype == torch.float32
        assert (1 - (found * expected).sum(1)).abs().max() < most


def test_the_compiled_loss_is_the_eager_one() -> None:
    batch, leaves = differentiable(moved(full_batch(16, 8, 64, dtype=torch.float32)))
    objective = build_objective("grouped")
    compiled = torch.compile(objective, fullgraph=True, dynamic=False)
    values = [f(batch).total for f in (compiled, objective)]
    torch.testing.assert_close(*values)
    grads = [torch.autograd.grad(value, leaves[:2]) for value in values]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-6)
