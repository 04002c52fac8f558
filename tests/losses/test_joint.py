"""Joint: two objectives, their weights, their captions and their parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from glasskit.losses.objectives import build_objective
from tests.losses.objective_batches import full_batch


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_weighs_an_instance_and_a_grouped_objective(weight: float) -> None:
    batch = full_batch()
    joint = build_objective("joint", instance="siglip", grouped="unicl", instance_weight=weight)
    total, parts = joint(batch)
    instance, grouped = (build_objective(name)(batch).total for name in ("siglip", "unicl"))
    torch.testing.assert_close(total, weight * instance + (1 - weight) * grouped)
    torch.testing.assert_close(parts["instance"], instance.detach())
    torch.testing.assert_close(parts["grouped"], grouped.detach())


def test_keeps_the_parts_of_both() -> None:
    parts = build_objective("joint")(full_batch()).parts
    assert set(parts) == {
        *("instance", "grouped"),
        *("instance/clip", "grouped/outer", "grouped/inner"),
    }


def test_instance_objective_can_read_the_paraphrase() -> None:
    batch = full_batch()
    value = build_objective("joint", instance_caption="paraphrase")(batch).total
    literal = build_objective("clip")(replace(batch, text=batch.paraphrase)).total
    theme = build_objective("grouped")(batch).total
    torch.testing.assert_close(value, 0.2 * literal + 0.8 * theme)


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({}, ()),
        ({"instance_caption": "paraphrase"}, ("paraphrase",)),
        ({"instance": "conclip"}, ("negation", "negative_image")),
        ({"instance": "c2lip", "xac_weight": 0.0}, ("phrases",)),
    ],
)
def test_needs_what_its_two_need(settings: dict[str, object], needs: tuple[str, ...]) -> None:
    assert build_objective("joint", **settings).needs == needs


def test_names_itself_where_a_field_is_missing() -> None:
    objective = build_objective("joint", instance="c2lip")
    with pytest.raises(ValueError, match=r"'joint' needs 'patches' .* or set xac_weight to 0"):
        objective(replace(full_batch(), patches=None))
    with pytest.raises(ValueError, match="instance must be one of clip, siglip"):
        build_objective("joint", instance="unicl")
