"""Groups: distinct photographs, all of them every epoch, the same again for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glasskit.data.captions import CaptionTable
from glasskit.data.grouped import GroupedDataset
from glasskit.data.images import MissingImages
from glasskit.data.sampler import GroupSampler
from glasskit.data.schema import Concept, Record
from glasskit.errors import InputError


def make(sizes: list[int], hard: dict[int, list[int]] | None = None) -> GroupedDataset:
    hard = hard or {}
    concepts = tuple(
        Concept((f"c{i}", None, None, None), "", tuple(f"c{j}" for j in hard.get(i, [])))
        for i in range(len(sizes))
    )
    records = tuple(
        Record(
            f"{i}-{k}",
            (f"c{i}",),
            (f"literal {i} {k}", f"paraphrase a {i} {k}", f"paraphrase b {i} {k}"),
            (f"theme {i} {k}",),
        )
        for i, size in enumerate(sizes)
        for k in range(size)
    )
    return GroupedDataset("toy", concepts, records, MissingImages("none"))


def sampler(dataset: GroupedDataset, groups: int, members: int, **more: float) -> GroupSampler:
    seed = int(more.pop("seed", 0))
    share = more.pop("hard_negative_share", 0.0)
    return GroupSampler(dataset, groups, members, CaptionTable(dataset, **more), share, seed)


@pytest.mark.parametrize("sizes", [[8] * 6, [5, 9, 17, 33, 6, 7], [10, 10]])
@pytest.mark.parametrize("groups", [1, 2])
def test_every_group_holds_distinct_photographs_and_every_photograph_comes(sizes, groups):
    dataset = make(sizes)
    draw = sampler(dataset, groups, 5)
    owner = np.array([int(r.concept[1:]) for r in dataset.records])
    for epoch in range(3):
        plan = draw.plan(epoch)
        assert plan.records.shape == (len(draw), groups, 5)
        assert plan.repeats == 0
        assert set(plan.records.ravel()) == set(range(len(dataset)))
        for step in plan.records:
            concepts = owner[step]
            assert (concepts == concepts[:, :1]).all()
            assert len(set(concepts[:, 0])) == groups
            assert all(len(set(group)) == 5 for group in step)


def test_groups_are_formed_anew_each_epoch_and_repeat_for_the_same_seed():
    dataset = make([12] * 6)
    first, again, other = (sampler(dataset, 3, 4, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.plan(4).records, again.plan(4).records)
    assert np.array_equal(first.plan(4).captions, again.plan(4).captions)
    assert not np.array_equal(first.plan(4).records, first.plan(5).records)
    assert not np.array_equal(first.plan(4).records, other.plan(4).records)
    groups = {frozenset(g) for e in range(2) for g in first.plan(e).records.reshape(-1, 4)}
    assert len(groups) > 30  # 36 groups in two epochs, hardly any the same


def test_a_small_concept_repeats_photographs_with_other_captions_and_is_counted():
    dataset = make([3, 10, 10])
    plan = sampler(dataset, 3, 10).plan(0)
    small = plan.records[plan.records < 3].reshape(-1, 10)
    assert plan.repeats == 7 * len(small)
    captions = plan.captions[plan.records < 3].reshape(-1, 10)
    for group, texts in zip(small, captions, strict=True):
        assert max(np.bincount(group)) <= 4  # ceil(10 / 3)
        assert len(set(texts)) == 10  # 3 photographs x 4 captions reach for 10 places


@pytest.mark.parametrize(
    ("groups", "members", "message"),
    [
        (2, 11, "group_size 11: the largest concept of 'toy' has 10 photographs"),
        (4, 5, "groups_per_batch 4: 'toy' has 3 concepts"),
    ],
)
def test_sizes_that_do_not_fit_the_data_are_refused(groups, members, message):
    with pytest.raises(InputError, match=message):
        sampler(make([3, 10, 10]), groups, members)


def test_hard_negatives_meet_their_concept_in_the_share_asked_for():
    pairs = {i: [i ^ 1] for i in range(10)}
    dataset = make([20] * 10, pairs)

    def met(share: float) -> float:
        plan = sampler(dataset, 3, 5, hard_negative_share=share).plan(0)
        concepts = plan.records[:, :, 0] // 20
        return float(np.mean([row[0] ^ 1 in row[1:] for row in concepts]))

    assert met(0.5) > 0.8 > 0.5 > met(0.0)


def test_opposites_come_from_hard_negative_concepts_or_any_other():
    plan = sampler(make([6, 6, 6], {0: [2]}), 3, 5).plan(0)
    owner, opposite = plan.records // 6, plan.opposites // 6
    assert (opposite[owner == 0] == 2).all()
    assert (owner != opposite).all()


def test_captions_follow_their_weights():
    dataset = make([30] * 4)
    table = CaptionTable(dataset, literal=2, paraphrase=1, theme=1)
    records = np.zeros((200, 100), dtype=np.int64)
    drawn = table.draw(records, np.random.default_rng(0))
    share = np.bincount(drawn.ravel(), minlength=4) / drawn.size
    assert np.allclose(share, [0.5, 0.125, 0.125, 0.25], atol=0.02)
    only = CaptionTable(dataset, literal=0, paraphrase=0, theme=1).draw(
        records, np.random.default_rng(0)
    )
    assert {table.texts[i] for i in np.unique(only)} == {"theme 0 0"}


def test_a_general_sentence_is_a_theme_of_the_pairs_label():
    first, *others = make([4] * 3).records
    there = replace(first, label_themes={"b": ("of b",), "c0": ("of 0", "of 0 too")})
    bare = replace(others[0], theme=())
    of_another = replace(others[2], theme=(), label_themes={"b": ("of b",)})
    records = (there, bare, others[1], of_another, *others[3:])
    dataset = replace(make([4] * 3), records=records)
    table = CaptionTable(dataset)
    drawn = table.general(np.tile(np.arange(len(table.owner)), (40, 1)), np.random.default_rng(0))
    assert {table.texts[i] for i in drawn[:, 0]} == {"of 0", "of 0 too"}
    assert (drawn[:, 1] == -1).all()
    assert {table.texts[i] for i in drawn[:, 2]} == {"theme 0 2"}
    assert {table.texts[i] for i in drawn[:, 3]} == {"of b"}


def test_a_paraphrase_is_another_literal_caption_of_the_same_record_whatever_the_weights():
    for weights in ({}, {"theme": 0}, {"literal": 0, "paraphrase": 0}, {"theme": 0, "literal": 0}):
        draw = sampler(make([8] * 4), 2, 4, **weights)
        plan = draw.plan(0)
        assert (plan.paraphrases != plan.captions).all()
        assert np.array_equal(plan.paraphrases // 4, plan.records)
        kinds = {draw.captions.texts[i].split()[0] for i in plan.paraphrases.ravel()}
        assert kinds <= {"literal", "paraphrase"}
    records = tuple(replace(r, literal=r.literal[:1]) for r in make([8] * 4).records)
    draw = sampler(replace(make([8] * 4), records=records), 2, 4)
    plan = draw.plan(0)
    own = draw.captions.start[plan.records]  # a theme has it, and it has no other
    assert np.array_equal(plan.paraphrases, np.where(plan.captions == own, -1, own))


def test_repeated_photographs_keep_to_the_kinds_that_have_a_weight():
    for weights, kinds in (
        ({"paraphrase": 0, "theme": 0}, {"literal"}),
        ({"theme": 0}, {"literal", "paraphrase"}),
        ({}, {"literal", "paraphrase", "theme"}),
    ):
        draw = sampler(make([2, 6, 2, 6]), 2, 6, **weights)
        plans = [draw.plan(epoch) for epoch in range(5)]
        assert all(plan.repeats for plan in plans)
        captions = np.concatenate([plan.captions.ravel() for plan in plans])
        assert {draw.captions.texts[i].split()[0] for i in captions} == kinds


def test_a_record_without_a_caption_of_any_kind_allowed_is_named():
    with pytest.raises(InputError, match=r"record '0-0' has no caption .* raise literal_weight"):
        CaptionTable(make([3]), literal=0, paraphrase=0, theme=0)
