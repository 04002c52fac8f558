"""Recipes held against each other: the same pictures, each of them unseen once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import glasskit
from glasskit.errors import InputError
from glasskit.evaluation.comparison import Outcome
from glasskit.evaluation.study import (
    MEASURES,
    as_dict,
    choose,
    comparisons,
    cross_validation,
    markdown,
    study,
    train_recipe,
)
from glasskit.training import TrainConfig


def part_of_coco() -> glasskit.GroupedDataset:
    """Six concepts of coco-concepts, whose features ship with the package."""
    data = glasskit.load_dataset("coco-concepts")
    names = {concept.name for concept in data.concepts[:6]}
    part = data.where(lambda record: record.concept in names)
    records = tuple(replace(r, also=tuple(n for n in r.also if n in names)) for r in part.records)
    concepts = tuple(
        replace(c, hard_negatives=tuple(n for n in c.hard_negatives if n in names))
        for c in data.concepts
        if c.name in names
    )
    return replace(part, records=records, concepts=concepts)


def test_every_picture_is_tested_once_and_concepts_are_spread() -> None:
    data = part_of_coco()
    folds = list(cross_validation(data, 4))
    tested = [record.key for fold in folds for record in fold.split("test").records]
    assert sorted(tested) == sorted(record.key for record in data.records)
    for members in data.groups().values():
        keys = {data.records[i].key for i in members}
        counts = [sum(r.key in keys for r in fold.split("test").records) for fold in folds]
        assert max(counts) - min(counts) <= 1


def test_a_study_measures_every_recipe_on_the_same_pictures(tmp_path: Path) -> None:
    data = part_of_coco()
    recipes = {"short": {"objective": "grouped", "epochs": 2}}
    found = study(data, recipes, seeds=(0, 1), keep=tmp_path)
    assert list(found) == ["untrained", "short"]
    n = len(data.split("test"))
    for outcome in found.values():
        assert {len(values) for values in outcome.values.values()} == {n}
    assert not np.array_equal(
        found["short"].values["top-1"], found["untrained"].values["top-1"]
    ) or not np.array_equal(
        found["short"].values["caption R@10"], found["untrained"].values["caption R@10"]
    )
    assert {path.name for path in tmp_path.iterdir()} == {"short", "short-seed1"}
    assert glasskit.load_model(tmp_path / "short").embed_dim == 384
    assert f"95% interval over {n} pictures" in markdown(found)
    assert 0 <= as_dict(found)["short"]["top-1"]["share"] <= 1


def test_shares_leave_out_what_a_picture_lacks() -> None:
    one, base = (Outcome({"x": np.array([v, 0.0, np.nan])}, np.arange(3)) for v in (1.0, 0.0))
    assert one.share("x") == 0.5
    assert one.gain(base, "x").difference == 0.5


def test_tables_are_over_clusters_and_every_difference_has_its_test() -> None:
    of = np.repeat(np.arange(12), 4)
    rng = np.random.default_rng(0)
    shown = [name for name in MEASURES if name not in ("mean AP", "caption > negation")]
    base = {name: np.repeat(rng.random(12) < 0.1, 4).astype(float) for name in shown}
    more = {name: np.repeat(rng.random(12) < 0.8, 4).astype(float) for name in shown}
    found = {
        name: Outcome(values, of, "concept")
        for name, values in (("untrained", base), ("clip", base), ("grouped", more), ("x", more))
    }
    text = markdown(found)
    assert text.startswith("95% interval over 12 clusters (concepts).")
    assert "| | top-1 | acceptable top-1 | top-5 | caption R@10 |\n" in text
    assert "| CLIP loss, literal captions | ." in text
    tests = comparisons(found)
    pairs = list(dict.fromkeys((one.name, one.base) for one in tests))
    assert pairs == [
        ("clip", "untrained"),
        ("grouped", "untrained"),
        ("x", "untrained"),
        ("grouped", "clip"),
        ("x", "clip"),
        ("x", "grouped"),
    ]
    assert f"over the {len(tests)} tests of this table" in text
    assert "| grouped loss less CLIP loss, literal captions | +." in text
    first = next(one for one in tests if (one.name, one.base) == ("grouped", "untrained"))
    # Twelve clusters that change as a whole are twelve coins, however many pictures they have.
    assert first.gain.p >= 2 / 2**12
    assert first.p_holm >= first.gain.p
    share = as_dict(found)["grouped"]["top-1"]
    assert share["clusters"] == {"n": 12, "by": "concept"}
    assert share["against"]["untrained"]["p_holm"] == first.p_holm
    assert share["ci95"] == found["grouped"].interval("top-1")


def test_recipes_are_names_of_recipes_or_objectives() -> None:
    assert choose(["supcon"]) == {"supcon": {"objective": "supcon"}}
    assert len(choose(["field"])) == 10
    assert all(TrainConfig.load(None, **changes) for changes in choose(["field"]).values())
    with pytest.raises(InputError, match=r"no recipe 'magic'; choose among field, .*supcon"):
        choose(["magic"])


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match="folds: 1"):
        study(part_of_coco(), {}, folds=1)


def test_one_part_of_the_folds_is_tested_alone() -> None:
    data = part_of_coco()
    part = list(cross_validation(data, 3))[1].split("test")
    (found,) = study(data, {}, folds=3, fold=2).values()
    assert len(found.values["top-1"]) == len(part)
    with pytest.raises(InputError, match="fold: 4 is not allowed; give 1 to 3"):
        study(data, {}, folds=3, fold=4)


def test_a_recipe_may_name_its_own_model(tmp_path: Path) -> None:
    scenes = glasskit.load_dataset("scenes")
    part = scenes.where(lambda record: record.concept in ("speed", "grief"))
    changes = choose(["hiclip-small"])["hiclip-small"] | {"mode": "head", "epochs": 1}
    trained = train_recipe(part, glasskit.load_model("lite0-minilm"), changes, tmp_path)
    assert trained.base == "hiclip-small"
