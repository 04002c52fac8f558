"""The CLEAR GLASS losses against their formulas, written out in loops: values, gradients,
invariances, extremes, precision, memory and compilation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from glasskit.losses import (
    GroupedContrastiveLoss,
    functional,
    inner_loss,
    outer_loss,
    shared_labels,
)
from glasskit.losses.functional import CENTROIDS
from tests.losses import clear_glass_literal as literal
from tests.losses.objective_batches import overlapping_labels

pytestmark = pytest.mark.filterwarnings("ignore:[MN] = 1")
Loss = Callable[[Tensor, Tensor, Any], Tensor]
LOO = "leave_one_out"

# name: (ours, written out); leave-one-out needs two members
FORMS: dict[str, tuple[Loss, Loss]] = {
    "outer pairwise": (outer_loss, literal.outer_pairwise),
    "outer centroid": (lambda i, t, tau: outer_loss(i, t, tau, "centroid"), literal.outer_centroid),
    "inner pairwise": (inner_loss, literal.inner_pairwise),
    "inner centroid": (lambda i, t, tau: inner_loss(i, t, tau, "centroid"), literal.inner_centroid),
    "inner cosine": (
        lambda i, t, tau: inner_loss(i, t, tau, "cosine"),
        lambda i, t, tau: literal.inner_cosine(i, t),
    ),
    "inner pairwise leave-one-out": (
        lambda i, t, tau: inner_loss(i, t, tau, centroid=LOO),
        lambda i, t, tau: literal.inner_pairwise(i, t, tau, leave_one_out=True),
    ),
    "inner centroid leave-one-out": (
        lambda i, t, tau: inner_loss(i, t, tau, "centroid", LOO),
        lambda i, t, tau: literal.inner_centroid(i, t, tau, leave_one_out=True),
    ),
    "inner cosine leave-one-out": (
        lambda i, t, tau: inner_loss(i, t, tau, "cosine", LOO),
        lambda i, t, tau: literal.inner_cosine(i, t, leave_one_out=True),
    ),
}
IN_CHUNKS = [name for name in FORMS if "centroid" not in name]
OPTIONS = [(v, c) for v in ("pairwise", "centroid", "cosine") for c in ("inclusive", LOO)]


def pair(
    shape: tuple[int, int, int], seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image, text = torch.randn(2, *shape, generator=generator, dtype=torch.float64).to(dtype)
    return image.requires_grad_(), text.requires_grad_()


@pytest.fixture(params=["one chunk", "chunks", "computed again"])
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All groups at once; a group at a time; the same, computed again in the backward."""
    if request.param != "one chunk":
        monkeypatch.setitem(functional.CHUNK, "cpu", 1)
    if request.param == "computed again":
        monkeypatch.setitem(functional.KEPT, "cpu", 1)


# ---- formulas and invariances


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    groups=st.integers(1, 4),
    members=st.integers(1, 4),
    width=st.integers(3, 9),
    temperature=st.sampled_from([0.05, 0.1, 1.0]),
    seed=st.integers(0, 99),
)
def test_value_and_gradient_follow_the_formula(
    form: str, groups: int, members: int, width: int, temperature: float, seed: int
) -> None:
    ours, written_out = FORMS[form]
    if "leave-one-out" in form:
        members += 1
    image, text = pair((groups, members, width), seed)
    tau = torch.tensor(temperature, dtype=torch.float64, requires_grad=True)
    got, want = ours(image, text, tau), written_out(image, text, tau)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)
    inputs = (image, text) if "cosine" in form else (image, text, tau)
    got_grads = torch.autograd.grad(got, inputs)
    want_grads = torch.autograd.grad(want, inputs)
    torch.testing.assert_close(got_grads, want_grads, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("form", IN_CHUNKS)
def test_chunks_follow_the_formula_too(form: str, chunks: None) -> None:
    ours, written_out = FORMS[form]
    image, text = pair((4, 3, 8))
    temperature = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    got, want = ours(image, text, temperature), written_out(image, text, temperature)
    torch.testing.assert_close(got, want)
    inputs = (image, text) if "cosine" in form else (image, text, temperature)
    torch.testing.assert_close(torch.autograd.grad(got, inputs), torch.autograd.grad(want, inputs))


@pytest.mark.parametrize("form", ["outer", "inner", "inner leave-one-out"])
def test_pairs_that_share_a_label_are_no_negatives(form: str, chunks: None) -> None:
    image, text = pair((4, 3, 8))
    shared = shared_labels(overlapping_labels())
    if form == "outer":
        got = outer_loss(image, text, 0.3, shared=shared)
        want = literal.outer_pairwise(image, text, 0.3, shared)
    else:
        out = "leave" in form
        got = inner_loss(image, text, 0.3, centroid=CENTROIDS[out], shared=shared)
        want = literal.inner_pairwise(image, text, 0.3, out, shared)
    torch.testing.assert_close(got, want)
    inputs = (image, text)
    torch.testing.assert_close(torch.autograd.grad(got, inputs), torch.autograd.grad(want, inputs))


def test_a_learned_temperature_is_a_parameter() -> None:
    temperature = torch.nn.Parameter(torch.tensor(0.1))
    loss = GroupedContrastiveLoss(temperature=temperature, inner_temperature=temperature)
    assert list(loss.parameters()) == [temperature]
    loss(*pair((2, 2, 4))).total.backward()
    assert temperature.grad is not None
    assert temperature.grad != 0


@pytest.mark.parametrize(("members", "inclusive"), [(2, 0.0017), (5, 0.10), (10, 0.46)])
def test_noise_scores_well_in_inclusive_centroids_only(members: int, inclusive: float) -> None:
    noise = [pair((8, members, 64), seed, torch.float32) for seed in range(40)]
    with_self = torch.stack([inner_loss(*two, 0.07, "centroid") for two in noise])
    without_self = torch.stack([inner_loss(*two, 0.07, "centroid", LOO) for two in noise])
    assert with_self.mean().item() == pytest.approx(inclusive, rel=0.2)
    assert without_self.mean() > math.log(8)


# ---- bad input and warnings


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: outer_loss(x, x, 0.0), ValueError, "temperature must be positive"),
        (lambda x: outer_loss(x, x, "0.1"), TypeError, "temperature must be a number"),
        (lambda x: outer_loss(x, x, torch.ones(2)), ValueError, "must hold one number"),
        (lambda x: outer_loss(x, x, variant="cosine"), ValueError, "pairwise, centroid; got"),
        (lambda x: inner_loss(x, x, variant="none"), ValueError, "centroid, cosine; got 'none'"),
        (lambda x: inner_loss(x, x, centroid="mean"), ValueError, "leave_one_out; got 'mean'"),
        (lambda x: outer_loss(x[0], x[0]), ValueError, r"shape \(M, N, L\)"),
        (lambda x: outer_loss(x, x[:1]), ValueError, "must have one shape"),
        (lambda x: inner_loss(x.long(), x), TypeError, "floating point tensor, got torch.int64"),
        (
            lambda x: inner_loss(x[:, :1], x[:, :1], centroid=LOO),
            ValueError,
            "needs at least 2 members a group, got N = 1",
        ),
        (
            lambda x: GroupedContrastiveLoss(inner_temperature=0.0),
            ValueError,
            "inner_temperature must be positive",
        ),
        (lambda x: GroupedContrastiveLoss(1.2233), ValueError, "alpha must be between 0 and 1"),
        (lambda x: GroupedContrastiveLoss(math.nan), ValueError, "alpha must be between 0 and 1"),
        (lambda x: outer_loss(x, x, shared=x[0] > 0), ValueError, r"shape \(M N, M N\) = \(4, 4\)"),
        (lambda x: inner_loss(x, x, shared=torch.ones(4, 4)), ValueError, "shared must be a bool"),
    ],
)
def test_bad_input_is_named(call: Callable[[Tensor], object], error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        call(torch.randn(2, 2, 4))


@pytest.mark.filterwarnings("default:[MN] = 1")
@pytest.mark.parametrize(
    ("shape", "call", "text"),
    [
        ((1, 3, 4), outer_loss, "M = 1: with one group"),
        ((1, 3, 4), inner_loss, "M = 1: with one group"),
        ((3, 1, 4), inner_loss, "N = 1: a group of one member"),
    ],
)
def test_a_batch_that_teaches_nothing_warns(
    shape: tuple[int, int, int], call: Loss, text: str
) -> None:
    image, words = pair(shape)
    with pytest.warns(UserWarning, match=text):
        call(image, words, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.no_grad():  # as validation is
            call(image, words, 0.1)
        GroupedContrastiveLoss()(*pair((2, 2, 4)))
        outer_loss(*pair((3, 1, 4)))
        inner_loss(*pair((1, 3, 4)), variant="cosine")


# ---- extremes and precision


def test_the_gradient_is_strongest_where_the_loss_is_worst() -> None:
    # A floor inside the logarithm caps the loss at 18.4 and takes its gradient away here.
    image = pair((4, 4, 16), dtype=torch.float32)[0]
    loss = outer_loss(image, image.detach().roll(1, dims=0), 0.03)  # texts of the next group
    (grad,) = torch.autograd.grad(loss, image)
    assert loss > 18.5
    assert grad.norm() > 0.1


# ---- memory, waiting, compilation


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


@pytest.mark.parametrize(("variant", "centroid"), OPTIONS)
def test_nothing_is_read_back_to_the_host(variant: str, centroid: str, chunks: None) -> None:
    temperature = torch.tensor(0.1, requires_grad=True)
    loss = GroupedContrastiveLoss(0.7, temperature, temperature, variant, centroid)
    with Watch() as watch:
        loss(*pair((3, 2, 4), dtype=torch.float32)).total.backward()
    waiting = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero"}
    assert not watch.names & waiting


@pytest.mark.parametrize("variant", ["pairwise", "cosine"])
@pytest.mark.parametrize("centroid", ["inclusive", LOO])
def test_no_tensor_is_larger_than_a_chunk(
    variant: str, centroid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, members, width = 24, 6, 10
    chunk = 2 * members**2 * groups
    monkeypatch.setitem(functional.CHUNK, "cpu", chunk)
    image, text = pair((groups, members, width), dtype=torch.float32)
    with Watch() as watch:
        GroupedContrastiveLoss(variant=variant, centroid=centroid)(image, text).total.backward()
    # The inputs are 1,440 numbers; all products are 8,640, all similarities 20,736.
    assert watch.largest <= max(chunk, image.numel())


def test_a_large_batch_is_computed_again_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {}
    for limit in (1, 1 << 30):
        monkeypatch.setitem(functional.CHUNK, "cpu", 1 << 12)
        monkeypatch.setitem(functional.KEPT, "cpu", limit)
        kept[limit] = 0

        def pack(x: Tensor, limit: int = limit) -> Tensor:
            kept[limit] += x.numel()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            GroupedContrastiveLoss()(*pair((64, 4, 16), dtype=torch.float32))
    assert kept[1] < kept[1 << 30] / 4
