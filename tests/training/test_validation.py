"""Held-out records, and which of two validations is better."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from glasskit.errors import InputError
from glasskit.training.validation import better, split_for_training
from tests.training.toys import toy_config, toy_dataset


def test_a_val_split_is_used_as_it_is(tmp_path):
    train, held = split_for_training(toy_dataset(), toy_config(tmp_path))
    assert {r.split for r in train.records} == {"train"}
    assert {r.split for r in held.records} == {"val"}


def test_without_one_each_concept_gives_its_share_and_test_is_left_alone(tmp_path):
    dataset = toy_dataset(train=11, val=0)
    records = tuple(
        replace(r, split="test") if r.key.endswith("-10") else r for r in dataset.records
    )
    dataset = replace(dataset, records=records)
    config = toy_config(tmp_path, validation_share=0.25)
    train, held = split_for_training(dataset, config)
    keys = {r.key for r in train.records}, {r.key for r in held.records}
    assert not keys[0] & keys[1]
    assert keys[0] | keys[1] == {r.key for r in records if r.split == "train"}
    assert set(Counter(r.concept for r in held.records).values()) <= {2, 3}
    again = split_for_training(dataset, config)[1]
    assert again.records == held.records
    assert split_for_training(dataset, config.but(seed=1))[1].records != held.records
    assert split_for_training(dataset, config.but(validation_share=0.0))[1] is None


def test_validation_of_one_concept_is_refused(tmp_path):
    dataset = toy_dataset(val=1).where(lambda r: r.split == "train" or r.concept == "concept 0")
    with pytest.raises(InputError, match="validation has records of one concept only"):
        split_for_training(dataset, toy_config(tmp_path))


@pytest.mark.parametrize(
    ("new", "old", "measure", "wins"),
    [
        ((1.0, 0.5, 0.6), None, "loss", True),
        ((1.0, 0.5, 0.6), (1.1, 0.9, 0.9), "loss", True),
        ((1.0, 0.5, 0.6), (0.5, 0.5, 0.6), "acceptable_top1", False),
        ((0.4, 0.5, 0.6), (0.5, 0.5, 0.6), "top1", True),
    ],
)
def test_which_scores_are_better(new, old, measure, wins):
    named = [
        s and dict(zip(("loss", "top1", "acceptable_top1"), s, strict=True)) for s in (new, old)
    ]
    assert better(*named, measure) is wins
