"""Words as captions: none of a label's name, those that a picture's captions are near to."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from glasskit import load_dataset, load_model
from glasskit.data.captions import CaptionTable
from glasskit.data.leaks import leaked_words
from glasskit.training.optim import L2SP
from glasskit.training.words import WORDS, caption_words, free_words


@pytest.mark.slow
def test_words_fit_the_captions_and_name_no_label() -> None:
    data = load_dataset("coco-ideas")
    found = caption_words(load_model("lite0-minilm"), data)
    assert {len(own) for own in found} == {WORDS}
    for name in data.labels(1):
        assert not any(leaked_words(text, [name]) for own in found for text in own)
    bear = next(i for i, record in enumerate(data.records) if "teddy bears" in record.literal[0])
    skier = next(i for i, r in enumerate(data.records) if r.literal[0].startswith("a skier"))
    assert any("winter" in text for text in found[skier])
    assert not any("winter" in text for text in found[bear])
    times = Counter(text for own in found for text in own)
    assert times.most_common(1)[0][1] < len(data) / 10, "no word is everybody's"


def test_names_that_share_a_stem_with_a_label_are_not_free() -> None:
    assert "celebration" in free_words(["joy"])
    assert "celebration" not in free_words(["celebrating"])


def test_words_are_drawn_by_their_weight() -> None:
    data = load_dataset("coco-ideas").select(range(2))
    words = [["one", "two"], ["three"]]
    table = CaptionTable(data, literal=1, paraphrase=0, theme=0, word=3, words=words)
    drawn = table.draw(np.zeros(4000, dtype=int), np.random.default_rng(0))
    shares = Counter(table.texts[i] for i in drawn)
    assert set(shares) == {data.records[0].literal[0], "one", "two"}
    assert shares["one"] / 4000 == pytest.approx(3 / 8, abs=0.03)


def test_the_kept_model_stands_between_start_and_end() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    group = {"params": [weight], "names": ["w"], "l2sp": 0.0, "lr": 0.1}
    l2sp = L2SP(torch.optim.SGD([group]), share=0.25)
    weight.data += torch.tensor([4.0, 8.0, -4.0])
    with l2sp.between():
        assert weight.tolist() == [1.0, 2.0, -1.0]
    assert weight.tolist() == [4.0, 8.0, -4.0]
