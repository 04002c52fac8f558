"""evaluate: the JSON that others rely on, and what no model may win."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from evaluation_cases import made_up, random_embeddings, unit

from glasskit.data.schema import Concept
from glasskit.evaluation import measure_embeddings

DATASET = made_up()


def test_every_interval_is_over_the_clusters_of_the_data_set() -> None:
    own = replace(
        DATASET, records=tuple(replace(r, cluster=f"of {r.concept}") for r in DATASET.records)
    )
    vectors = random_embeddings(DATASET)
    alone = measure_embeddings(vectors, DATASET).as_dict()
    assert alone["clusters"] == {"n": len(DATASET), "by": "picture"}
    out = measure_embeddings(vectors, own).as_dict()
    assert out["clusters"] == {"n": 12, "by": "concept"}

    def check(first: Any, second: Any, name: str = "") -> int:
        if isinstance(first, dict):
            return sum(check(first[k], second[k], k) for k in first if k in second)
        if not name.endswith("ci95") or first is None:
            return 0
        assert first != second, name
        return 1

    assert check(alone, out) > 30


def test_standard_scores_are_of_recognition_alone() -> None:
    vectors = random_embeddings(DATASET)
    pull = 3 * vectors.labels[1][0]  # of training towards one name
    pulled = replace(vectors, picture=unit(vectors.labels[1][DATASET.targets(1)] + pull))
    cosine = measure_embeddings(pulled, DATASET).as_dict()
    standard = measure_embeddings(replace(pulled, reference=pulled.picture), DATASET).as_dict()
    assert cosine["concepts"]["level1"]["top1"] < 0.5 < standard["concepts"]["level1"]["top1"]
    assert standard["settings"]["scores"] == "standard"
    assert standard["settings"]["reference"] == len(DATASET)
    for part in ("retrieval", "negation", "hard_negative"):
        assert standard[part] == cosine[part]


def test_what_the_data_lack_is_none() -> None:
    bare = made_up(negation=False)
    bare = replace(
        bare,
        concepts=tuple(Concept((concept.name, None, None, None)) for concept in bare.concepts),
        records=tuple(replace(r, literal=r.literal[:1], theme=()) for r in bare.records),
    )
    vectors = random_embeddings(made_up(negation=False))
    out = measure_embeddings(vectors, bare).as_dict()
    assert out["negation"]["caption_over_negation"] is None
    assert out["concepts"]["level2"]["top1"] is None
    assert out["hard_negative"]["level4"]["image_to_text"] is None
    assert out["retrieval"]["theme_captions"] is None
    assert out["retrieval"]["literal_captions"] is None
    assert out["hard_negative"]["level1"]["image_to_text_hard_share"] == 0


def test_a_perfect_model_wins_everything() -> None:
    vectors = random_embeddings(DATASET, width=64)
    images = vectors.of([record.literal[0] for record in DATASET.records])
    out = measure_embeddings(replace(vectors, picture=images), DATASET).as_dict()
    assert out["retrieval"]["image_to_text_r1"] == out["retrieval"]["text_to_image_r1"] == 1
    assert out["hard_negative"]["captions"]["image_to_text"] == 1
    assert out["negation"]["caption_over_negation"] == 1
    images = vectors.labels[1][DATASET.targets(1)]
    out = measure_embeddings(replace(vectors, picture=images), DATASET).as_dict()
    assert out["concepts"]["level1"]["top1"] == out["concepts"]["level1"]["mrr"] == 1
    assert out["hard_negative"]["image_to_text"] == 1


def test_a_constant_model_scores_zero_everywhere() -> None:
    vectors = random_embeddings(DATASET)

    def same(rows: np.ndarray) -> np.ndarray:
        return np.full_like(rows, 0.25)

    constant = replace(
        vectors,
        picture=same(vectors.picture),
        caption=same(vectors.caption),
        texts=same(vectors.texts),
        labels={level: same(rows) for level, rows in vectors.labels.items()},
    )
    out = measure_embeddings(constant, DATASET).as_dict()
    for level in ("level1", "level2"):
        part = out["concepts"][level]
        assert part["top1"] == part["acceptable_top1"] == part["top5"] == part["macro_top1"] == 0
        assert out["hard_negative"][level]["image_to_text"] == 0
        assert out["hard_negative"][level]["text_to_image"] == 0
    assert out["negation"]["caption_over_negation"] == 0
    assert [v for k, v in out["retrieval"].items() if k.endswith(("r1", "r5", "r10"))] == [0] * 6


def test_a_blank_image_model_is_at_chance_or_below() -> None:
    vectors = random_embeddings(DATASET)
    shares: dict[str, list[float]] = {"hard": [], "negation": []}
    for seed in range(20):
        vectors = random_embeddings(DATASET, seed=seed)
        blank = replace(vectors, picture=np.repeat(vectors.picture[:1], len(DATASET), axis=0))
        out = measure_embeddings(blank, DATASET).as_dict()
        part = out["concepts"]["level1"]
        assert part["top1"] <= part["chance"] + 1e-12  # the groups are of equal size
        assert part["top5"] <= 5 / 12 + 1e-12
        assert part["macro_top1"] <= part["chance"] + 1e-12
        assert part["acceptable_top1"] <= part["acceptable_best_constant"]
        for k in (1, 5, 10):
            assert out["retrieval"][f"image_to_text_r{k}"] == pytest.approx(k / len(DATASET))
            assert out["retrieval"][f"text_to_image_r{k}"] == 0
        assert out["hard_negative"]["text_to_image"] == 0
        assert out["negation"]["caption_over_negation"] == out["negation"]["blind"]
        shares["hard"].append(out["hard_negative"]["captions"]["image_to_text"])
        shares["negation"].append(out["negation"]["caption_over_negation"])
    assert np.mean(shares["hard"]) == pytest.approx(1 / 11, abs=0.03)
    assert np.mean(shares["negation"]) == pytest.approx(0.5, abs=0.08)
