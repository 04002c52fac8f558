"""Poly-View, MV-InfoNCE and MV-DHEL: views of pairs, order, and the log domain."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from glasskit.losses.multiview import mv_dhel_loss, mv_infonce_loss
from glasskit.losses.objectives import build_objective
from glasskit.losses.polyview import polyview_arithmetic_loss, polyview_geometric_loss
from glasskit.losses.vectors import unit
from tests.losses import literal_objectives as literal
from tests.losses.objective_batches import full_batch

LITERAL = {
    "polyview-geometric": lambda samples, s: literal.polyview(samples, s, False),
    "polyview-arithmetic": lambda samples, s: literal.polyview(samples, s, True),
    "mv-infonce": literal.mv_infonce,
    "mv-dhel": literal.mv_dhel,
}


@pytest.mark.parametrize("paraphrase", [True, False])
@pytest.mark.parametrize("name", LITERAL)
def test_pairs_as_samples(name: str, paraphrase: bool) -> None:
    batch = full_batch(2, 3)
    if not paraphrase:
        batch = replace(batch, paraphrase=None)
    value = build_objective(name, views="pair")(batch).total
    expected = LITERAL[name](literal.pair_samples(batch), 10.0)
    assert value.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", LITERAL)
def test_pairs_as_samples_do_not_know_groups(name: str) -> None:
    batch = full_batch(2, 3)
    fields = ("image", "text", "paraphrase")
    mixed = {f: getattr(batch, f).transpose(0, 1).reshape(2, 3, -1) for f in fields}
    objective = build_objective(name, views="pair")
    torch.testing.assert_close(objective(replace(batch, **mixed)).total, objective(batch).total)


@pytest.mark.parametrize(
    "loss", [polyview_geometric_loss, polyview_arithmetic_loss, mv_infonce_loss]
)
def test_order_within_one_sample_does_not_matter(loss) -> None:
    views = unit(torch.randn(3, 4, 5, dtype=torch.float64))
    moved = views.clone()
    moved[0] = views[0, [2, 0, 3, 1]]
    torch.testing.assert_close(loss(moved, 10.0), loss(views, 10.0))


def test_dhel_compares_a_view_with_the_same_view_of_others() -> None:
    views = unit(torch.randn(3, 4, 5, dtype=torch.float64))
    order = [2, 0, 3, 1]
    moved = views.clone()
    moved[0] = views[0, order]
    torch.testing.assert_close(mv_dhel_loss(views[:, order], 10.0), mv_dhel_loss(views, 10.0))
    assert not torch.isclose(mv_dhel_loss(moved, 10.0), mv_dhel_loss(views, 10.0))


def test_arithmetic_is_at_most_geometric() -> None:
    views = unit(torch.randn(4, 6, 5, dtype=torch.float64))
    assert polyview_arithmetic_loss(views, 10.0) <= polyview_geometric_loss(views, 10.0)


@pytest.mark.parametrize("loss", [mv_infonce_loss, mv_dhel_loss])
def test_ten_close_views_do_not_overflow_float32(loss) -> None:
    views = unit(1 + 0.01 * torch.randn(64, 10, 8)).requires_grad_()
    naive = torch.exp(views.detach()[:, 0] @ views.detach()[:, 0].T / 0.07).sum(1) ** 10
    assert naive.isinf().any()  # what multiplying before the logarithm comes to
    value = loss(views, 1 / 0.07)
    value.backward()
    assert value.isfinite()
    assert views.grad.isfinite().all()
    torch.testing.assert_close(value.double(), loss(views.double(), 1 / 0.07), rtol=1e-4, atol=1e-4)


def test_dhel_parts_add_up() -> None:
    total, parts = build_objective("mv-dhel")(full_batch())
    torch.testing.assert_close(total, parts["alignment"] + parts["uniformity"])
    assert build_objective("mv-dhel", views="pair")(full_batch(1, 3)).total.isfinite()
