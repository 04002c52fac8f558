"""lite0-glass: ships, loads by its name, and is what the default recipe trains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glasskit import load_dataset, load_model
from glasskit.models.embedding import embed
from glasskit.models.loading import trained_copy
from tests.tools.build_glass import build
from tests.tools.model_card import CARD, card

NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")

COSINE = 0.995
"""Least cosine of a vector by the head that ships and by one that is trained again: other
processors round otherwise, and the head is float16."""


def test_it_is_known_by_its_name() -> None:
    model = load_model("lite0-glass")
    assert (model.name, model.base) == ("lite0-glass", "lite0-minilm")
    start = load_model("lite0-minilm")
    assert start.tower_hash == model.tower_hash
    text = ["waiting"]
    assert (model.encode_texts(text) @ start.encode_texts(text).T).item() < COSINE


@pytest.mark.slow
def test_trained_again_it_is_the_same(tmp_path: Path) -> None:
    build(tmp_path)
    start, dataset = load_model("lite0-minilm"), load_dataset("coco-ideas")
    kept, made = (
        embed(m, dataset) for m in (load_model("lite0-glass"), trained_copy(start, tmp_path))
    )
    for kind in ("picture", "caption", "concept"):
        cosine = (getattr(kept, kind) * getattr(made, kind)).sum(axis=1)
        assert cosine.min() > COSINE, "stale: run python -m tests.tools.build_glass"


def test_its_card_says_what_is_measured() -> None:
    kept, now = CARD.read_text("utf-8"), card()
    stale = "stale: run python -m tests.tools.model_card"
    assert NUMBER.sub("#", kept) == NUMBER.sub("#", now), stale
    # Another processor may round the last digit, and an average precision, otherwise.
    numbers = ([float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (kept, now))
    assert next(numbers) == pytest.approx(next(numbers), abs=0.02, rel=0.05), stale
