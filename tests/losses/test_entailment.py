"""Cones by hand, where the two geometries meet, and what the objective does with them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from glasskit.losses.entailment import (
    Polar,
    euclidean_cone,
    euclidean_distance,
    lorentz_cone,
    lorentz_distance,
)
from glasskit.losses.objectives import build_objective
from tests.losses.objective_batches import differentiable, full_batch


def polar(*rows: tuple[float, float]) -> Polar:
    return Polar.of(torch.tensor(rows, dtype=torch.float64))


def test_a_flat_cone_by_hand() -> None:
    # Half the aperture at length .4 is asin(.2 / .4) = 30 degrees.
    parent = polar((0.4, 0.0))
    ahead, beside, back = polar((2.0, 0.0)), polar((0.4, 1.0)), polar((0.1, 0.0))
    outside = [math.degrees(euclidean_cone(parent, child)) for child in (ahead, beside, back)]
    assert outside == pytest.approx([-30, 60, 150])
    near_the_root = polar((0.1, 0.0))  # its cone is a half-space
    assert math.degrees(euclidean_cone(near_the_root, beside)) < -16


def test_a_hyperbolic_cone_is_narrower_and_the_way_into_it_shorter() -> None:
    parent, child = polar((0.5, 0.0)), polar((1.0, 0.8))
    for curvature in (0.1, 1.0, 10.0):
        assert lorentz_distance(parent, child, curvature) > euclidean_distance(parent, child)
    flat = 1e-4  # curvature 0 is flat space
    torch.testing.assert_close(
        lorentz_distance(parent, child, flat),
        euclidean_distance(parent, child),
        rtol=1e-2,
        atol=0,
    )
    small = Polar(parent.length / 100, parent.direction)
    far = Polar(child.length / 100, child.direction)
    torch.testing.assert_close(
        lorentz_cone(small, far, 1.0), euclidean_cone(small, far), rtol=1e-3, atol=1e-3
    )


def test_the_general_entails_the_specific_on_one_ray_and_not_the_reverse() -> None:
    general, specific = polar((0.3, 0.4)), polar((0.6, 0.8))
    for cone in (euclidean_cone, lambda x, y: lorentz_cone(x, y, 1.0)):
        assert cone(general, specific) < 0
        assert cone(specific, general) > 2
        assert cone(general, general) < 0


@pytest.mark.parametrize("curvature", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_duplicates_and_lengths_far_out_have_finite_gradients(
    curvature: float, dtype: torch.dtype
) -> None:
    x = torch.tensor([[0.3, 0.4], [0.0, 0.0], [30.0, 40.0], [0.3, 0.4]], dtype=dtype)
    x.requires_grad_()
    one = Polar.of(x)
    distance, outside = lorentz_distance(one, one, curvature), lorentz_cone(one, one, curvature)
    flat = euclidean_distance(one, one).sum() + euclidean_cone(one, one).sum()
    (distance.sum() + outside.sum() + flat).backward()
    assert distance.isfinite().all()
    assert distance[0, 3] < 0.01
    assert (outside <= 0).all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("bend", [-100.0, 0.0, 100.0])
def test_curvature_stays_within_its_bounds(bend: float) -> None:
    batch, _ = differentiable(full_batch(dtype=torch.float32))
    objective = build_objective("entailment")
    with torch.no_grad():
        objective.bend.fill_(bend)
    value = objective(batch).total
    value.backward()
    expected = {-100.0: 0.1, 0.0: 1.0, 100.0: 10.0}[bend]
    assert objective.curvature.item() == pytest.approx(expected)
    assert value.isfinite()
    assert objective.bend.grad.isfinite()


@pytest.mark.parametrize("name", ["entailment", "entailment-euclidean"])
def test_lengths_count_and_their_unit_does_not(name: str) -> None:
    batch, objective = full_batch(), build_objective(name)
    value = objective(batch).total

    def scaled(**by: float) -> Tensor:
        changes = {field: factor * getattr(batch, field) for field, factor in by.items()}
        return objective(replace(batch, **changes)).total

    torch.testing.assert_close(scaled(image=7.0, text=7.0, general=7.0), value)
    assert abs(scaled(general=3.0) - value) > 1e-3
    assert objective.lengths
    joint = build_objective("joint", instance=name)
    assert joint.lengths
    assert not build_objective("joint").lengths


@pytest.mark.parametrize("name", ["entailment", "entailment-euclidean"])
def test_a_chain_along_rays_holds_and_costs_nothing(name: str) -> None:
    axes = torch.eye(6)[:, None].expand(6, 2, 6)
    batch = replace(full_batch(6, 2, dtype=torch.float32), image=2 * axes, text=axes)
    parts = build_objective(name)(replace(batch, general=axes / 2)).parts
    assert parts["cone"] == 0
    assert parts["inside"] == 1
    upside_down = replace(batch, image=axes / 2, general=2 * axes)
    assert build_objective(name)(upside_down).parts["inside"] == 0
