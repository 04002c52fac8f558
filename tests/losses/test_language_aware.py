"""SemCLIP, CoN-CLIP and C2LIP by hand, where the answer can be said without a formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from glasskit.losses.c2lip import attention_pool, noun_phrase_loss, pooled_phrase_loss
from glasskit.losses.conclip import match_loss
from glasskit.losses.objectives import build_objective
from glasskit.losses.semclip import directions
from tests.losses.literal_objectives import c2lip
from tests.losses.objective_batches import full_batch


def test_semclip_directions_are_orthonormal_and_fixed_by_the_seed() -> None:
    axes = directions(12, 3)
    torch.testing.assert_close(axes.T @ axes, torch.eye(2, dtype=torch.float64))
    assert torch.equal(directions(12, 3), axes)
    assert not torch.equal(directions(12, 4), axes)


def test_semclip_rests_where_paraphrases_agree_and_negations_oppose() -> None:
    batch = full_batch()
    batch = replace(batch, paraphrase=3 * batch.text, negation=-batch.text)
    parts = build_objective("semclip")(batch).parts
    assert parts["paraphrase"].item() == pytest.approx(0, abs=1e-12)
    assert parts["negation"].item() == 0


def test_semclip_refuses_one_dimension() -> None:
    with pytest.raises(ValueError, match="needs vectors of width 2 or more, got 1"):
        build_objective("semclip")(full_batch(width=1))


def test_conclip_picks_the_caption_over_its_negation() -> None:
    own, other = torch.eye(2), -torch.eye(2)
    assert match_loss(own, own, other, 100.0) < 1e-6
    assert match_loss(own, other, own, 100.0) > 50


def test_c2lip_without_patches() -> None:
    batch = full_batch()
    objective = build_objective("c2lip", xac_weight=0, npc_weight=0.5)
    assert objective.needs == ("phrases",)
    total, parts = objective(replace(batch, patches=None))
    assert set(parts) == {"siglip", "npc"}
    assert total.item() == pytest.approx(c2lip(batch, 10.0, -10.0, 0.5, 0.0), rel=1e-6)


def test_c2lip_attends_to_the_patch_that_shows_the_phrase() -> None:
    patches = 50 * torch.eye(3).unsqueeze(0)  # one picture of three patches
    pooled = attention_pool(patches, torch.eye(3))
    torch.testing.assert_close(pooled[0], torch.eye(3))


def test_c2lip_takes_a_batch_without_phrases() -> None:
    none, owner = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
    assert noun_phrase_loss(torch.eye(4), none, owner, 10.0, -10.0) == 0
    assert pooled_phrase_loss(torch.ones(4, 2, 4), none, owner, 10.0, -10.0) == 0
