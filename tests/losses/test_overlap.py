"""Groups that overlap: where two pictures share a label, no objective pushes one off the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from glasskit.losses import GroupedBatch, inner_loss, shared_labels
from glasskit.losses.base import Objective
from glasskit.losses.negation import directions
from glasskit.losses.objectives import INSTANCE, OBJECTIVES, build_objective
from glasskit.losses.overlap import across_groups
from tests.losses.literal_objectives import LITERAL
from tests.losses.objective_batches import (
    differentiable,
    full_batch,
    overlapping_labels,
    vectors_of,
)

MEMBERS, WIDTH = 3, 9
OBJECTIVE = {name: (name, {}) for name in OBJECTIVES} | {
    f"{name}, pairs": (name, {"views": "pair"})
    for name in ("polyview-geometric", "polyview-arithmetic", "mv-infonce", "mv-dhel")
}
SIDES = tuple(product(("image", "text"), repeat=2))
PHRASES = (("image", "phrases"), ("patches", "phrases"))


@pytest.fixture(params=OBJECTIVE)
def objective(request: pytest.FixtureRequest) -> Objective:
    name, settings = OBJECTIVE[request.param]
    return build_objective(name, **settings)


def overlapping() -> GroupedBatch:
    """Four groups of three in the first 6 of 9 axes."""
    batch = full_batch(4, MEMBERS, 6)
    wide = {n: torch.nn.functional.pad(v, (0, 3)) for n, v in vectors_of(batch).items()}
    return replace(batch, **wide, labels=overlapping_labels())


def fresh_axis() -> Tensor:
    """(9,) at right angles to every vector of the batch, and to the directions of SemCLIP."""
    taken = torch.cat([torch.eye(WIDTH, 6, dtype=torch.float64), directions(WIDTH, 0)], 1)
    return torch.linalg.qr(taken, mode="complete").Q[:, -1]


def plus(batch: GroupedBatch, field: str, rows: Tensor | int, step: Tensor) -> GroupedBatch:
    """The batch with a step added to rows of a field; pairs count through all groups."""
    value = getattr(batch, field).clone()
    flat = value if field == "phrases" else value.flatten(0, 1)
    flat[rows] += step
    return replace(batch, **{field: flat.view_as(value)})


def change(objective: Objective, batch: GroupedBatch, a: int, b: int) -> float:
    """How much the value changes with nothing but a cosine between vectors of pairs a and b.

    Both get a step along an axis on which no other vector has anything; the sign of one step
    changes this cosine and leaves all others, and all lengths, as they were.
    """
    axis, found = fresh_axis(), []
    for one, other in SIDES + PHRASES * ("phrases" in objective.needs):
        first = plus(batch, one, a, axis)
        # Two phrases a pair, one after the other.
        values = [
            objective(plus(first, other, 2 * b if other == "phrases" else b, step)).total
            for step in (axis, -axis)
        ]
        found.append(abs((values[0] - values[1]).item()))
    return max(found)


def pairs_that_share(objective: Objective, batch: GroupedBatch) -> list[list[int]]:
    """Pairs of the batch; for an objective on groups those of two groups, others are positives."""
    shared = batch.shared
    assert shared is not None
    if objective.name not in INSTANCE and getattr(objective, "views", "group") == "group":
        shared = across_groups(shared, MEMBERS)
    return shared.nonzero().tolist()


def test_pairs_that_share_a_label_do_not_push_each_other(objective: Objective) -> None:
    batch = overlapping()
    pairs = pairs_that_share(objective, batch)
    assert len(pairs) >= 16
    assert max(change(objective, batch, a, b) for a, b in pairs) < 1e-12
    unlabelled = replace(batch, labels=None)
    assert max(change(objective, unlabelled, a, b) for a, b in pairs) > 1e-8


def test_pairs_that_share_none_still_do(objective: Objective) -> None:
    batch = overlapping()
    assert change(objective, batch, 0, 1 * MEMBERS) > 1e-8
    if not objective.name.endswith(("centroid", "one-out")):  # a centroid holds all of its group
        assert change(objective, batch, 0, 2 * MEMBERS) > 1e-8


@pytest.mark.parametrize("one", ["image", "text"])
@pytest.mark.parametrize("centroid", ["inclusive", "leave_one_out"])
def test_the_inner_loss_does_not_push_products_off_a_shared_centre(one: str, centroid: str) -> None:
    # A step is in a product where image and text have it: in those of pair 1 of group 0 (whose
    # partners all have it) and of pair 6, the first of group 2, alone.
    batch, axis = overlapping(), fresh_axis()
    partner = {"image": "text", "text": "image"}
    batch = plus(plus(batch, one, 1, axis), partner[one], torch.arange(MEMBERS), axis)
    for field in ("image", "text"):
        held = plus(batch, partner[field], torch.arange(6, 9), axis)
        first, second = (plus(held, field, 6, step) for step in (axis, -axis))
        for shared, least, most in ((batch.shared, -1, 1e-12), (None, 1e-8, 1)):
            values = [
                inner_loss(x.image, x.text, 0.3, centroid=centroid, shared=shared)
                for x in (first, second)
            ]
            assert least < abs((values[0] - values[1]).item()) < most


@pytest.mark.parametrize("name", ["clip", "siglip", "grouped-siglip", "unicl"])
def test_labels_in_the_literal_form(name: str) -> None:
    batch = overlapping()
    value = build_objective(name)(batch).total.item()
    assert value == pytest.approx(LITERAL[name](batch, 10.0), rel=1e-9)
    assert value != pytest.approx(LITERAL[name](replace(batch, labels=None), 10.0), rel=1e-6)


@pytest.mark.parametrize("name", sorted({*OBJECTIVES} - {*INSTANCE, "joint"}))
def test_groups_that_do_not_overlap_are_as_without_labels(name: str) -> None:
    batch = replace(overlapping(), labels=None)
    own = torch.eye(4, dtype=torch.bool)[:, None].expand(4, MEMBERS, 4)
    objective = build_objective(name)
    assert torch.equal(objective(replace(batch, labels=own)).total, objective(batch).total)


WITHOUT_NEGATIVES_NOTHING = (
    *("clip", "grouped", "grouped-centroid", "grouped-leave-one-out", "joint"),
    *("polyview-geometric", "polyview-arithmetic"),
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_left_to_push_off_is_finite(objective: Objective, dtype: torch.dtype) -> None:
    batch, leaves = differentiable(full_batch(dtype=dtype))
    value, parts = objective(replace(batch, labels=torch.ones(3, 4, 1, dtype=torch.bool)))
    value.backward()
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None]
    assert value.isfinite()
    assert all(grad.isfinite().all() for grad in grads)
    if objective.name in WITHOUT_NEGATIVES_NOTHING:
        assert value == 0
        assert not any(grad.any() for grad in grads)
    if objective.name == "mv-dhel":
        assert parts["uniformity"] == 0


def test_labels_in_common_are_found() -> None:
    labels = torch.tensor([[[1, 0, 1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0]]]).bool()
    assert shared_labels(labels).nonzero().tolist() == [[0, 2], [2, 0]]
