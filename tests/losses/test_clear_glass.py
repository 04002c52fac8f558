"""The CLEAR GLASS losses against their formulas, written out in loops, and their invariances."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from glasskit.losses import GroupedContrastiveLoss, inner_loss, outer_loss
from tests.losses import clear_glass_literal as literal

pytestmark = pytest.mark.filterwarnings("ignore:[MN] = 1")
Loss = Callable[[Tensor, Tensor, float], Tensor]

# name: (ours, written out); leave_one_out needs two members
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
        lambda i, t, tau: inner_loss(i, t, tau, centroid="leave_one_out"),
        lambda i, t, tau: literal.inner_pairwise(i, t, tau, leave_one_out=True),
    ),
    "inner centroid leave-one-out": (
        lambda i, t, tau: inner_loss(i, t, tau, "centroid", "leave_one_out"),
        lambda i, t, tau: literal.inner_centroid(i, t, tau, leave_one_out=True),
    ),
    "inner cosine leave-one-out": (
        lambda i, t, tau: inner_loss(i, t, tau, "cosine", "leave_one_out"),
        lambda i, t, tau: literal.inner_cosine(i, t, leave_one_out=True),
    ),
}


def pair(shape: tuple[int, int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image, text = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return image.requires_grad_(), text.requires_grad_()


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
    got, want = ours(image, text, temperature), written_out(image, text, temperature)
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)
    got_grads = torch.autograd.grad(got, (image, text))
    want_grads = torch.autograd.grad(want, (image, text))
    for g, w in zip(got_grads, want_grads, strict=True):
        torch.testing.assert_close(g, w, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_permuting_groups_or_members_changes_nothing(form: str) -> None:
    loss = FORMS[form][0]
    image, text = pair((4, 3, 8))
    want = loss(image, text, 0.1)
    groups = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(loss(image[groups], text[groups], 0.1), want)
    members = torch.tensor([1, 2, 0])
    torch.testing.assert_close(loss(image[:, members], text[:, members], 0.1), want)
    # Within a group every image meets every text: the two orders need not even agree.
    torch.testing.assert_close(loss(image[:, members], text, 0.1), want)


@pytest.mark.parametrize("form", [name for name in FORMS if name.startswith("outer")])
def test_a_common_rotation_changes_nothing(form: str) -> None:
    loss = FORMS[form][0]
    image, text = pair((3, 3, 8))
    turn = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q
    torch.testing.assert_close(loss(image @ turn, text @ turn, 0.1), loss(image, text, 0.1))


@pytest.mark.parametrize("form", ["inner centroid", "inner centroid leave-one-out"])
def test_centroids_rotate_with_each_modality(form: str) -> None:
    loss = FORMS[form][0]
    image, text = pair((3, 3, 8))
    one, two = torch.linalg.qr(torch.randn(2, 8, 8, dtype=torch.float64)).Q
    torch.testing.assert_close(loss(image @ one, text @ two, 0.1), loss(image, text, 0.1))


@pytest.mark.parametrize("form", [name for name in FORMS if "inner" in name])
def test_products_allow_a_permutation_and_signs_of_the_axes(form: str) -> None:
    # Element-wise products fix the axes: of all rotations only these leave them what they are.
    loss = FORMS[form][0]
    image, text = pair((3, 3, 8))
    order = torch.randperm(8)
    sign = torch.tensor([1, -1, 1, 1, -1, 1, -1, 1], dtype=torch.float64)
    turned = loss(image[..., order] * sign, text[..., order] * sign, 0.1)
    torch.testing.assert_close(turned, loss(image, text, 0.1))


@pytest.mark.parametrize("form", FORMS)
def test_the_norm_of_a_feature_does_not_matter(form: str) -> None:
    loss = FORMS[form][0]
    image, text = pair((3, 3, 8))
    norms = torch.rand(2, 3, 3, 1, dtype=torch.float64) * 10 + 0.1
    torch.testing.assert_close(loss(image * norms[0], text * norms[1], 0.1), loss(image, text, 0.1))


def test_grouped_loss_weights_its_terms() -> None:
    image, text = pair((3, 4, 8))
    for variant, outer_form in (
        ("pairwise", "pairwise"),
        ("centroid", "centroid"),
        ("cosine", "pairwise"),
    ):
        loss = GroupedContrastiveLoss(0.6, 0.1, 0.2, variant)(image, text)
        torch.testing.assert_close(loss.outer, outer_loss(image, text, 0.1, outer_form))
        torch.testing.assert_close(loss.inner, inner_loss(image, text, 0.2, variant))
        torch.testing.assert_close(loss.total, 0.6 * loss.outer + 0.4 * loss.inner)


def test_a_learned_temperature_is_a_parameter() -> None:
    temperature = torch.nn.Parameter(torch.tensor(0.1))
    loss = GroupedContrastiveLoss(temperature=temperature, inner_temperature=temperature)
    assert list(loss.parameters()) == [temperature]
    loss(*pair((2, 2, 4))).total.backward()
    assert temperature.grad is not None
    assert temperature.grad != 0


@pytest.mark.parametrize("alpha", [-0.1, 1.2233, float("nan")])
def test_alpha_outside_the_unit_interval_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], got"):
        GroupedContrastiveLoss(alpha=alpha)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: outer_loss(x, x, 0.0), ValueError, "temperature must be positive"),
        (lambda x: inner_loss(x, x, -1), ValueError, "temperature must be positive"),
        (lambda x: outer_loss(x, x, "0.1"), TypeError, "temperature must be a number"),
        (lambda x: outer_loss(x, x, torch.ones(2)), ValueError, "must hold one number"),
        (lambda x: outer_loss(x, x, variant="cosine"), ValueError, "pairwise, centroid; got"),
        (lambda x: inner_loss(x, x, variant="none"), ValueError, "centroid, cosine; got 'none'"),
        (lambda x: inner_loss(x, x, centroid="mean"), ValueError, "leave_one_out; got 'mean'"),
        (lambda x: outer_loss(x, x, tile=0), ValueError, "tile must be at least 1 pair"),
        (lambda x: outer_loss(x[0], x[0]), ValueError, r"shape \(M, N, L\)"),
        (lambda x: outer_loss(x, x[:1]), ValueError, "must have one shape"),
        (lambda x: inner_loss(x.long(), x), TypeError, "floating point tensor, got torch.int64"),
        (
            lambda x: inner_loss(x[:, :1], x[:, :1], centroid="leave_one_out"),
            ValueError,
            "needs at least 2 members a group, got N = 1",
        ),
        (
            lambda x: GroupedContrastiveLoss(inner_temperature=0.0),
            ValueError,
            "inner_temperature must be positive",
        ),
        (lambda x: GroupedContrastiveLoss(tile=0), ValueError, "tile must be at least 1 pair"),
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
    with warnings.catch_warnings(), torch.no_grad():  # as validation is
        warnings.simplefilter("error")
        call(image, words, 0.1)


@pytest.mark.filterwarnings("default:[MN] = 1")
def test_other_batches_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GroupedContrastiveLoss()(*pair((2, 2, 4)))
        outer_loss(*pair((3, 1, 4)))
        inner_loss(*pair((1, 3, 4)), variant="cosine")
