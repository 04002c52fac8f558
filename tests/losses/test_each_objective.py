"""Single objectives by hand, against other implementations, and beside each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from open_clip.loss import ClipLoss, SigLipLoss
from pytorch_metric_learning.losses import SupConLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from glasskit.losses.c2lip import attention_pool, phrase_loss
from glasskit.losses.clip import clip_loss
from glasskit.losses.multiview import (
    mv_dhel_terms,
    mv_infonce_loss,
)
from glasskit.losses.negation import directions
from glasskit.losses.objectives import build_objective
from glasskit.losses.siglip import siglip_loss
from glasskit.losses.supervised import supcon_loss
from glasskit.losses.vectors import unit
from tests.losses import literal_objectives as literal
from tests.losses.objective_batches import full_batch


def draw(*shape: int) -> Tensor:
    return unit(torch.randn(*shape, dtype=torch.float64))


# ---- against other implementations


def test_clip_and_siglip_are_open_clips() -> None:
    image, text = draw(12, 6), draw(12, 6)
    torch.testing.assert_close(clip_loss(image, text, 10.0), ClipLoss()(image, text, 10.0))
    theirs = SigLipLoss()(image, text, 10.0, -3.0)
    torch.testing.assert_close(siglip_loss(image, text, 1, 10.0, -3.0), theirs)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize(("samples", "views"), [(3, 4), (5, 2), (2, 8)])
def test_supcon_is_that_of_pytorch_metric_learning(
    samples: int, views: int, temperature: float
) -> None:
    z = torch.randn(samples, views, 7, dtype=torch.float64).requires_grad_()
    label = torch.arange(samples).repeat_interleave(views)
    # Its default reducer leaves zero rows out of the mean.
    oracle = SupConLoss(temperature=temperature, reducer=MeanReducer())
    theirs = oracle(z.flatten(0, 1), label)
    ours = supcon_loss(unit(z), 1 / temperature)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
    found, expected = torch.autograd.grad(ours, z), torch.autograd.grad(theirs, z)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


# ---- UniCL and SigLIP beside CLIP and the outer loss


SIGMOID = {
    "siglip": literal.siglip,
    "grouped-siglip": literal.grouped_siglip,
    "c2lip": literal.c2lip,
}


@pytest.mark.parametrize("name", SIGMOID)
def test_the_bias_is_a_parameter_where_it_is_learned(name: str) -> None:
    batch, step = full_batch(), 1e-4
    objective = build_objective(name, logit_bias=-3.0).double()
    assert [key for key, _ in objective.named_parameters()] == ["logit_bias"]
    objective(batch).total.backward()
    high, low = (SIGMOID[name](batch, 10.0, -3.0 + d) for d in (step, -step))
    assert objective.logit_bias.grad.item() == pytest.approx((high - low) / (2 * step), rel=1e-5)

    fixed = build_objective(name, logit_bias=-3.0, learn_bias=False)
    assert list(fixed.parameters()) == []
    assert fixed.state_dict()["logit_bias"] == -3
    value = fixed(batch).total.item()
    assert value == pytest.approx(SIGMOID[name](batch, 10.0, -3.0), rel=1e-6)


# ---- views


VIEWS = {
    "polyview-geometric": lambda samples, s: literal.polyview(samples, s, False),
    "polyview-arithmetic": lambda samples, s: literal.polyview(samples, s, True),
    "mv-infonce": literal.mv_infonce,
    "mv-dhel": literal.mv_dhel,
}


def mv_dhel_loss(views: Tensor, scale: float) -> Tensor:
    return sum(mv_dhel_terms(views, scale))


@pytest.mark.parametrize("name", VIEWS)
def test_pairs_as_samples_do_not_know_groups(name: str) -> None:
    batch = full_batch(2, 3)
    objective = build_objective(name, views="pair")
    for seen in (batch, replace(batch, paraphrase=None)):
        expected = VIEWS[name](literal.pair_samples(seen), 10.0)
        assert objective(seen).total.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", [mv_infonce_loss, mv_dhel_loss])
def test_ten_close_views_do_not_overflow_float32(loss: Callable[..., Tensor]) -> None:
    views = unit(1 + 0.01 * torch.randn(64, 10, 8)).requires_grad_()
    naive = torch.exp(views.detach()[:, 0] @ views.detach()[:, 0].T / 0.07).sum(1) ** 10
    assert naive.isinf().any()  # what multiplying before the logarithm comes to
    value = loss(views, 1 / 0.07)
    value.backward()
    assert value.isfinite()
    assert views.grad.isfinite().all()
    torch.testing.assert_close(value.double(), loss(views.double(), 1 / 0.07), rtol=1e-4, atol=1e-4)


# ---- language: SemCLIP, CoN-CLIP, C2LIP


def test_semclip_directions_are_orthonormal_and_fixed_by_the_seed() -> None:
    axes = directions(12, 3)
    torch.testing.assert_close(axes.T @ axes, torch.eye(2, dtype=torch.float64))
    assert torch.equal(directions(12, 3), axes)
    assert not torch.equal(directions(12, 4), axes)
    with pytest.raises(ValueError, match="needs vectors of width 2 or more, got 1"):
        build_objective("semclip")(full_batch(width=1))


def test_c2lip_without_patches() -> None:
    batch = full_batch()
    objective = build_objective("c2lip", xac_weight=0, npc_weight=0.5)
    assert objective.needs == ("phrases",)
    total, parts = objective(replace(batch, patches=None))
    assert set(parts) == {"siglip", "npc"}
    assert total.item() == pytest.approx(literal.c2lip(batch, 10.0, -10.0, 0.5, 0.0), rel=1e-6)


def test_c2lip_attends_to_the_patch_that_shows_the_phrase() -> None:
    patches = 50 * torch.eye(3).unsqueeze(0)  # one picture of three patches
    torch.testing.assert_close(attention_pool(patches, torch.eye(3))[0], torch.eye(3))
    assert phrase_loss(torch.zeros(4, 0), torch.zeros(0, dtype=torch.long), None) == 0


# ---- joint


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_joint_weighs_an_instance_and_a_grouped_objective(weight: float) -> None:
    batch = full_batch()
    joint = build_objective("joint", instance="siglip", grouped="unicl", instance_weight=weight)
    total, parts = joint(batch)
    instance, grouped = (build_objective(name)(batch).total for name in ("siglip", "unicl"))
    torch.testing.assert_close(total, weight * instance + (1 - weight) * grouped)
    torch.testing.assert_close(parts["instance"], instance.detach())
    torch.testing.assert_close(parts["grouped"], grouped.detach())


def test_joint_keeps_the_parts_and_parameters_of_both() -> None:
    parts = build_objective("joint")(full_batch()).parts
    single = {"instance/clip", "grouped/outer", "grouped/inner"}
    assert set(parts) == {"instance", "grouped", *single}
    objective = build_objective("joint", instance="siglip", grouped="grouped-siglip")
    names = {key for key, _ in objective.named_parameters()}
    assert names == {"instance.logit_bias", "grouped.logit_bias"}


def test_joint_lets_the_instance_objective_read_the_paraphrase() -> None:
    batch = full_batch()
    value = build_objective("joint", instance_caption="paraphrase")(batch).total
    of_literal = build_objective("clip")(replace(batch, text=batch.paraphrase)).total
    theme = build_objective("grouped")(batch).total
    torch.testing.assert_close(value, 0.2 * of_literal + 0.8 * theme)


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({}, ()),
        ({"instance_caption": "paraphrase"}, ("paraphrase",)),
        ({"instance": "conclip"}, ("negation", "negative_image")),
        ({"instance": "c2lip", "xac_weight": 0.0}, ("phrases",)),
    ],
)
def test_joint_needs_what_its_two_need(settings: dict[str, object], needs: tuple) -> None:
    assert build_objective("joint", **settings).needs == needs


def test_joint_names_itself_where_a_field_is_missing() -> None:
    objective = build_objective("joint", instance="c2lip")
    with pytest.raises(ValueError, match=r"'joint' needs 'patches' .* or set xac_weight to 0"):
        objective(replace(full_batch(), patches=None))
    with pytest.raises(ValueError, match="instance must be one of clip, siglip"):
        build_objective("joint", instance="unicl")
