"""Precision, extremes, memory and compilation of the CLEAR GLASS losses."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from glasskit.losses import GroupedContrastiveLoss, inner_loss, outer_loss, tiled_outer

Loss = Callable[..., Tensor]
FORMS: dict[str, Loss] = {
    "outer pairwise": outer_loss,
    "outer centroid": lambda i, t, tau: outer_loss(i, t, tau, "centroid"),
    "inner pairwise": inner_loss,
    "inner centroid": lambda i, t, tau: inner_loss(i, t, tau, "centroid"),
    "inner cosine": lambda i, t, tau: inner_loss(i, t, tau, "cosine"),
    "inner pairwise leave-one-out": lambda i, t, tau: inner_loss(
        i, t, tau, centroid="leave_one_out"
    ),
    "inner centroid leave-one-out": lambda i, t, tau: inner_loss(
        i, t, tau, "centroid", "leave_one_out"
    ),
    "inner cosine leave-one-out": lambda i, t, tau: inner_loss(
        i, t, tau, "cosine", "leave_one_out"
    ),
}


def pair(shape: tuple[int, int, int], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    image, text = torch.randn(2, *shape, generator=generator, dtype=torch.float64).to(dtype)
    return image.requires_grad_(), text.requires_grad_()


@pytest.mark.parametrize("tile", [1, 1 << 20])
@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_vectors_and_temperature(
    form: str, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_outer, "CPU_TILE", tile)
    image, text = pair((3, 2, 5))
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(FORMS[form], (image, text, temperature))


@pytest.mark.parametrize("form", ["outer pairwise", "inner pairwise"])
@pytest.mark.parametrize("groups", [2, 3, 4])
def test_the_tile_changes_nothing(form: str, groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image, text = pair((5, 3, 8))
    want = FORMS[form](image, text, 0.1)
    want_grads = torch.autograd.grad(want, (image, text))
    cost = 3 * 15 if form == "outer pairwise" else 9 * 8
    monkeypatch.setattr(tiled_outer, "CPU_TILE", groups * cost)
    got = FORMS[form](image, text, 0.1)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.autograd.grad(got, (image, text)), want_grads)


def test_the_tile_of_the_outer_loss_is_an_argument() -> None:
    image, text = pair((5, 3, 8))
    want = torch.autograd.grad(outer_loss(image, text), (image, text))
    for tile in (1, 4, 7, 1000):
        got = torch.autograd.grad(outer_loss(image, text, tile=tile), (image, text))
        torch.testing.assert_close(got, want)


def vectors(kind: str) -> tuple[Tensor, Tensor]:
    image, text = (x.detach() for x in pair((4, 4, 16), torch.float32))
    if kind == "duplicate":  # every vector of a modality is the same one
        return image[:1, :1].repeat(4, 4, 1), text[:1, :1].repeat(4, 4, 1)
    if kind == "aligned":
        return image, image.clone()
    if kind == "opposed":
        return image, -image
    if kind == "opposed members":  # centroids cancel exactly
        sign = torch.tensor([1.0, -1.0, 1.0, -1.0])[None, :, None]
        return image[:, :1] * sign, text[:, :1] * sign
    if kind == "wrong groups":  # each text belongs to the next group
        return image, image.roll(1, dims=0)
    if kind == "disjoint axes":  # every product vanishes
        mask = (torch.arange(16) % 2).float()
        return image * mask, text * (1 - mask)
    return torch.zeros_like(image), text


@pytest.mark.parametrize("temperature", [0.01, 0.03, 0.1, 1.0])
@pytest.mark.parametrize(
    "kind",
    ["duplicate", "aligned", "opposed", "opposed members", "wrong groups", "disjoint axes", "zero"],
)
def test_gradients_are_finite_at_the_extremes(kind: str, temperature: float) -> None:
    for name, loss in FORMS.items():
        image, text = (x.requires_grad_() for x in vectors(kind))
        tau = torch.tensor(temperature, requires_grad=True)
        value = loss(image, text, tau)
        assert value.isfinite(), name
        for grad in torch.autograd.grad(value, (image, text, tau), allow_unused=True):
            assert grad is None or grad.isfinite().all(), name
            assert grad is None or grad.abs().max() < 2.1 / temperature**2, name


def test_the_gradient_is_strongest_where_the_loss_is_worst() -> None:
    # A floor inside the logarithm caps the loss at 18.4 and takes its gradient away here.
    image, text = (x.requires_grad_() for x in vectors("wrong groups"))
    loss = outer_loss(image, text, 0.03)
    (grad,) = torch.autograd.grad(loss, image)
    assert loss > 18.5
    assert grad.norm() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("form", FORMS)
def test_half_precision_features_are_computed_in_float32(form: str, dtype: torch.dtype) -> None:
    image, text = pair((4, 3, 16), dtype)
    loss = FORMS[form](image, text, 0.02)
    exact = FORMS[form](image.double(), text.double(), 0.02)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), exact, rtol=2e-5, atol=2e-5)
    grads = torch.autograd.grad(loss, (image, text))
    assert [grad.dtype for grad in grads] == [dtype, dtype]
    want = torch.autograd.grad(exact, (image, text))
    torch.testing.assert_close(
        grads, want, rtol=1e-2 if dtype != torch.float32 else 1e-3, atol=1e-4
    )


@pytest.mark.parametrize("form", FORMS)
def test_autocast_does_not_lower_the_precision(form: str) -> None:
    image, text = pair((4, 3, 16), torch.float32)
    want = FORMS[form](image, text, 0.02)
    want_grads = torch.autograd.grad(want, (image, text))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = FORMS[form](image, text, 0.02)
    got_grads = torch.autograd.grad(got, (image, text))
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got_grads, want_grads)


class Watch(TorchDispatchMode):
    """Notes the operators that run and the largest tensor that they make."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.names.add(func.name())
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                # An expanded view holds no memory of its own.
                storage = leaf.untyped_storage().nbytes() // leaf.element_size()
                self.largest = max(self.largest, min(leaf.numel(), storage))
        return out


@pytest.mark.parametrize("variant", ["pairwise", "centroid", "cosine"])
@pytest.mark.parametrize("centroid", ["inclusive", "leave_one_out"])
def test_nothing_is_read_back_to_the_host(variant: str, centroid: str) -> None:
    image, text = pair((3, 2, 4), torch.float32)
    temperature = torch.tensor(0.1, requires_grad=True)
    loss = GroupedContrastiveLoss(0.7, temperature, temperature, variant, centroid)
    with Watch() as watch:
        loss(image, text).total.backward()
    waiting = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero"}
    assert not watch.names & waiting


@pytest.mark.parametrize("centroid", ["inclusive", "leave_one_out"])
def test_no_tensor_is_larger_than_the_tile(centroid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    groups, members, width = 24, 6, 10
    tile = 2 * members**2 * width
    monkeypatch.setattr(tiled_outer, "CPU_TILE", tile)
    image, text = pair((groups, members, width), torch.float32)
    with Watch() as watch:
        GroupedContrastiveLoss(centroid=centroid)(image, text).total.backward()
    inputs = image.numel()  # 1,440; all products are 8,640, all similarities 20,736
    row = members * image[..., 0].numel()  # one group's similarities, the least a tile can hold
    similarities = tile // (members**2 * width) * members**2 * groups
    assert watch.largest <= max(tile, inputs, row, similarities)
    assert watch.largest < groups * members**2 * width / 4


@pytest.mark.parametrize(
    ("variant", "centroid", "backend"),
    [
        ("pairwise", "inclusive", "aot_eager"),
        ("pairwise", "leave_one_out", "eager"),
        ("centroid", "inclusive", "eager"),
        ("centroid", "leave_one_out", "eager"),
        ("cosine", "inclusive", "eager"),
    ],
)
def test_compiles_without_a_graph_break(variant: str, centroid: str, backend: str) -> None:
    torch._dynamo.reset()
    image, text = pair((3, 2, 4), torch.float32)
    temperature = torch.tensor(0.1, requires_grad=True)
    loss = GroupedContrastiveLoss(0.7, temperature, temperature, variant, centroid)
    inputs = (image, text, temperature)
    want = loss(image, text).total
    got = torch.compile(loss, fullgraph=True, backend=backend)(image, text).total
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.autograd.grad(got, inputs), torch.autograd.grad(want, inputs))


def noise(members: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image, text = torch.randn(2, 8, members, 64, generator=generator)
    return image, text


@pytest.mark.parametrize(("members", "inclusive"), [(2, 0.0017), (5, 0.10), (10, 0.46)])
def test_noise_scores_well_in_inclusive_centroids_only(members: int, inclusive: float) -> None:
    chance = math.log(8)
    with_self, without_self = [], []
    for seed in range(40):
        image, text = noise(members, seed)
        with_self.append(inner_loss(image, text, 0.07, "centroid"))
        without_self.append(inner_loss(image, text, 0.07, "centroid", "leave_one_out"))
    assert torch.stack(with_self).mean().item() == pytest.approx(inclusive, rel=0.2)
    assert torch.stack(without_self).mean() > chance


@pytest.mark.parametrize("members", [3, 6])
def test_noise_scores_well_in_inclusive_products_only(members: int) -> None:
    with_self, without_self = [], []
    for seed in range(20):
        image, text = noise(members, seed)
        with_self.append(inner_loss(image, text, 0.1))
        without_self.append(inner_loss(image, text, 0.1, centroid="leave_one_out"))
    assert torch.stack(with_self).mean() < 0.75 * math.log(8)
    assert torch.stack(without_self).mean() > math.log(8)


def test_importing_the_losses_imports_nothing_else_of_the_kit() -> None:
    code = (
        "import sys, glasskit.losses\n"
        "kit = [m for m in sys.modules if m.startswith('glasskit.') "
        "and not m.startswith('glasskit.losses')]\n"
        "heavy = [m for m in ('open_clip', 'timm', 'transformers', 'PIL', 'wandb', 'sklearn') "
        "if m in sys.modules]\n"
        "print(kit, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # The switches that keep libraries from connecting are set whatever is imported.
    assert done.stdout.strip() == "['glasskit.offline'] []"
