"""The bias of the sigmoid objectives, and the positives of a group."""

from __future__ import annotations

import pytest
import torch

from glasskit.losses.objectives import build_objective
from tests.losses.literal_objectives import c2lip, grouped_siglip, siglip
from tests.losses.objective_batches import full_batch

LITERAL = {"siglip": siglip, "grouped-siglip": grouped_siglip, "c2lip": c2lip}


@pytest.mark.parametrize("name", LITERAL)
def test_bias_is_a_parameter_with_the_right_gradient(name: str) -> None:
    batch, step = full_batch(), 1e-4
    objective = build_objective(name, logit_bias=-3.0).double()
    assert [key for key, _ in objective.named_parameters()] == ["logit_bias"]
    objective(batch).total.backward()
    high, low = (LITERAL[name](batch, 10.0, -3.0 + d) for d in (step, -step))
    assert objective.logit_bias.grad.item() == pytest.approx((high - low) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("name", LITERAL)
def test_bias_that_is_not_learned_is_no_parameter(name: str) -> None:
    objective = build_objective(name, logit_bias=-3.0, learn_bias=False)
    assert list(objective.parameters()) == []
    assert objective.state_dict()["logit_bias"] == -3
    value = objective(full_batch()).total.item()
    assert value == pytest.approx(LITERAL[name](full_batch(), 10.0, -3.0), rel=1e-6)


def test_joint_passes_its_parameter_on() -> None:
    objective = build_objective("joint", instance="siglip", grouped="grouped-siglip")
    names = {key for key, _ in objective.named_parameters()}
    assert names == {"instance.logit_bias", "grouped.logit_bias"}


def test_one_member_a_group_is_plain_siglip() -> None:
    batch = full_batch(5, 1)
    values = [build_objective(name)(batch).total for name in ("siglip", "grouped-siglip")]
    torch.testing.assert_close(*values)
