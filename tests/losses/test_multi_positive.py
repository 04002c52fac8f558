"""UniCL beside CLIP and the outer loss."""

from __future__ import annotations

import math

import pytest
import torch

from glasskit.losses import outer_loss
from glasskit.losses.multi_positive import multi_positive_loss
from glasskit.losses.objectives import build_objective
from glasskit.losses.vectors import unit
from tests.losses.objective_batches import full_batch


@pytest.mark.parametrize("seed", range(5))
def test_is_at_least_the_outer_loss_and_log_n(seed: int) -> None:
    batch = full_batch(seed=seed)
    outer = outer_loss(batch.image, batch.text, temperature=0.1)
    assert build_objective("unicl")(batch).total >= outer + math.log(batch.members)


def test_meets_that_bound_where_all_members_are_alike() -> None:
    vectors = torch.eye(4, dtype=torch.float64).unsqueeze(1).expand(4, 3, 4)
    outer = outer_loss(vectors, vectors, temperature=0.1)
    value = multi_positive_loss(vectors, vectors, 10.0)
    torch.testing.assert_close(value, outer + math.log(3))


def test_one_member_a_group_is_clip() -> None:
    batch = full_batch(5, 1)
    clip = build_objective("clip")(batch).total
    torch.testing.assert_close(multi_positive_loss(unit(batch.image), unit(batch.text), 10.0), clip)
