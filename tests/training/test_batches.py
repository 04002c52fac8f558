"""Rows of a step come back as the fields of the batch they were drawn for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from glasskit.data.altered import altered
from glasskit.errors import InputError
from glasskit.training.batches import Batches, Encoded, grouped
from tests.training.toys import toy_config, toy_dataset

NEEDS = ("paraphrase", "negation", "general", "altered", "negative_image", "phrases")


def test_every_field_holds_what_belongs_to_its_pair(tmp_path):
    pytest.importorskip("textblob")
    dataset = toy_dataset()
    batches = Batches(dataset, toy_config(tmp_path).resolved(), NEEDS, groups=4, members=3)
    rows = next(batches.epoch(0))
    # Stand-ins for vectors: the index of each record or text itself.
    encoded = Encoded(rows.images[:, None].float(), rows.texts[:, None].float(), None, None)
    batch = grouped(encoded, rows)

    literal = [record.literal[0] for record in dataset.records]

    def text(value: torch.Tensor) -> str:
        return batches.texts[int(value)]

    for g in range(4):
        for i in range(3):
            record = dataset.records[int(batch.image[g, i])]
            caption = text(batch.text[g, i])
            assert caption in record.captions
            assert text(batch.paraphrase[g, i]) in set(record.captions) - {caption}
            assert text(batch.negation[g, i]) == record.negation
            assert text(batch.general[g, i]) in record.themes
            assert text(batch.altered[g, i]) in altered(literal)[dataset.records.index(record)]
            other = dataset.records[int(batch.negative_image[g, i])]
            assert other.concept in dataset.by_name[record.concept].hard_negatives
    for phrase, owner in zip(batch.phrases, batch.phrase_owner, strict=True):
        assert text(phrase) in text(batch.text.flatten(0, 1)[owner])


def test_groups_are_not_cut_to_share_them(tmp_path):
    config = toy_config(tmp_path).resolved()
    with pytest.raises(InputError, match="groups_per_batch 4: whole groups go to each of 3"):
        Batches(toy_dataset(), config, groups=4, members=3, rank=0, world=3)


@pytest.mark.parametrize(
    ("need", "change", "message"),
    [
        ("general", {"theme": ()}, "needs a theme caption of every record; 1 of 66"),
        ("negation", {"negation": None}, "needs a negation of every record; 1 of 66"),
        (
            "paraphrase",
            {"literal": ("one",), "theme": ()},
            "needs a paraphrase of every record; 1",
        ),
    ],
)
def test_what_the_data_lacks_is_named_with_its_record(tmp_path, need, change, message):
    dataset = toy_dataset()
    records = (replace(dataset.records[0], **change), *dataset.records[1:])
    dataset = replace(dataset, records=records)
    with pytest.raises(InputError, match=message) as caught:
        Batches(dataset, toy_config(tmp_path).resolved(), (need,), groups=4, members=3)
    assert "first '0-0'" in str(caught.value)
