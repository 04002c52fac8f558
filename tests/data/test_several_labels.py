"""Pictures with several labels: both layouts, shards, views of the data, drawing of groups."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from glasskit.data import load_dataset, write_magic, write_pictures
from glasskit.data.assemble import join
from glasskit.data.captions import CaptionTable
from glasskit.data.grouped import GroupedDataset
from glasskit.data.pack import pack
from glasskit.data.sampler import GroupSampler
from glasskit.errors import InputError

PICTURES: dict[str, Any] = {
    "taxonomy": [{"level1": name, "level2": "all"} for name in ("calm", "cold", "age")],
    "pictures": [
        {
            "image": "a.png",
            "labels": ["cold", "calm"],
            "themes": {"cold": "breath turns to mist"},
            "not_labels": ["age"],
            "captions": ["a lake", "water"],
            "general": "a place to be alone",
            "negation": "there is no lake",
            "cluster": "one morning",
        },
        {"image": "b.png", "labels": ["age"], "captions": ["a wall"], "split": "test"},
        {"image": "c.png", "labels": ["calm"], "captions": ["a hill"], "also": ["cold"]},
    ],
}


def _read(folder: Path, value: Any) -> GroupedDataset:
    (folder / "images").mkdir()
    file = folder / "set.json"
    file.write_text(json.dumps(value), encoding="utf-8")
    return load_dataset(file)


def test_the_pictures_layout_is_read_whole(tmp_path: Path) -> None:
    data = _read(tmp_path, PICTURES)
    first = data.records[0]
    assert (first.labels, first.concept, first.not_labels) == (("cold", "calm"), "cold", ("age",))
    assert first.captions == ("a lake", "water", "a place to be alone", "breath turns to mist")
    assert data.several
    assert data.carried().tolist() == [
        [True, True, False],
        [False, False, True],
        [True, False, False],
    ]
    assert data.acceptable()[2].tolist() == [True, True, False]
    assert data.carried(2).tolist() == [[True]] * 3
    assert data.targets().tolist() == [1, 2, 0]
    groups = {name: rows.tolist() for name, rows in data.groups().items()}
    assert groups == {"calm": [0, 2], "cold": [0], "age": [1]}
    carries = data.carries(np.array([2, 0]), np.array([0, 1, 2]))
    assert carries.tolist() == [[True, False, False], [True, True, False]]


@pytest.mark.parametrize("layout", ["magic", "pictures", "shards"])
def test_every_layout_keeps_all_of_it(tmp_path: Path, layout: str) -> None:
    data = _read(tmp_path, PICTURES)
    for number, record in enumerate(data.records):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "images" / record.key)
    out = tmp_path / "out"
    if layout == "shards":
        pack(data, out)
        again = load_dataset(out)
    else:
        out.mkdir()
        (write_magic if layout == "magic" else write_pictures)(data, out / "again.json")
        again = load_dataset(out / "again.json", tmp_path / "images")
    assert sorted(again.records, key=lambda r: r.key) == list(data.records)
    assert again.concepts == data.concepts


def test_a_magic_file_with_a_picture_under_two_concepts_is_read(tmp_path: Path) -> None:
    def picture(theme: list[str], **more: Any) -> dict[str, Any]:
        return {"image": 7, "old_captions": ["a lake"], "new_captions": theme} | more

    data = _read(
        tmp_path,
        [
            {"concept": "calm", "train_images": [picture(["both", "still"], also=["cold"])]},
            {"concept": "cold", "train_images": [picture(["both"], negation="no lake")]},
        ],
    )
    (one,) = data.records
    assert (one.labels, one.literal, one.also) == (("calm", "cold"), ("a lake",), ())
    assert (one.theme, one.label_themes) == (("both",), {"calm": ("still",)})
    assert one.negation == "no lake"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"labels": []}, "picture 1, image 'a.png': 'labels' is empty; give at least one"),
        ({"labels": ["cold", "cold"]}, "'labels' names one twice"),
        ({"labels": ["clam"], "themes": {}}, "label 'clam' is not a concept, did you mean 'calm'?"),
        ({"themes": {"age": "x"}}, "'themes' names 'age', which is none of its labels"),
        ({"not_labels": ["calm"]}, "'calm' is among its labels and its 'not_labels'"),
        ({"captions": []}, "'captions' is empty; give at least a literal caption"),
        ({"split": "dev"}, "split 'dev': choose one of train, val, test"),
        ({"general": 3}, "'general' must hold texts that are not empty"),
        ({"caption": ["x"]}, "unknown key 'caption', did you mean 'captions'?"),
        ({"image": "b.png"}, "image 'b.png' comes twice; join the two entries"),
    ],
)
def test_what_is_wrong_with_a_picture_is_named(
    tmp_path: Path, change: dict[str, Any], line: str
) -> None:
    value = copy.deepcopy(PICTURES)
    value["pictures"][0] |= change
    with pytest.raises(InputError) as said:
        _read(tmp_path, value)
    assert line in str(said.value)
    assert "\n" not in str(said.value)


def test_an_object_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither a list of concepts .* nor an object with"):
        _read(tmp_path, {"images": []})


def test_two_sets_of_labels_of_the_same_pictures_are_joined() -> None:
    ideas, concepts = load_dataset("coco-ideas"), load_dataset("coco-concepts")
    both = join(ideas, concepts)
    of = {record.key: record for record in concepts.records}
    assert len(both.labels()) == len({*ideas.labels(), *concepts.labels()})
    for record, own in zip(both.records, ideas.records, strict=True):
        assert record.labels == tuple(dict.fromkeys((*own.labels, of[own.key].concept)))
        assert record.captions == own.captions


def test_a_label_left_out_forms_no_group_and_is_not_read(tmp_path: Path) -> None:
    data = _read(tmp_path, PICTURES)
    less = data.without({"cold"})
    assert [record.labels for record in less.records] == [("calm",), ("age",), ("calm",)]
    assert "breath turns to mist" not in [t for r in less.records for t in r.captions]
    assert [r.key for r in data.without({"age"}).records] == ["a.png", "c.png"]
    assert [r.key for r in data.never_shown({"cold"}).records] == ["b.png"], "nor what is accepted"
    assert less.labels() == data.labels(), "the whole taxonomy stays"


def test_a_theme_is_drawn_for_its_own_label(tmp_path: Path) -> None:
    data = _read(tmp_path, PICTURES)
    table = CaptionTable(data.select([0]), literal=0, paraphrase=1, theme=1)
    owner, label = data.memberships
    drawn = table.draw(np.repeat(np.arange(2), 200), np.random.default_rng(0))
    texts = [{table.texts[i] for i in part} for part in (drawn[:200], drawn[200:])]
    assert [data.labels()[i] for i in label[:2]] == ["cold", "calm"]
    assert owner[:2].tolist() == [0, 0]
    assert texts == [{"water", "breath turns to mist"}, {"water", "a place to be alone"}]


def _ideas() -> GroupedDataset:
    return load_dataset("coco-ideas").split("train")


def test_overlapping_groups_share_their_idea_and_seldom_carry_another_of_the_step() -> None:
    data = _ideas()
    draw = GroupSampler(data, 16, 4, CaptionTable(data), seed=3)
    assert len(draw) == -(-len(data) // 64)
    crossing, came = 0, []
    for epoch in range(4):
        plan = draw.plan(epoch)
        came.append(len(np.unique(plan.records)) / len(data))
        for records, concepts in zip(plan.records, plan.concepts, strict=True):
            assert len(set(concepts.tolist())) == 16
            assert all(len(set(group)) == 4 for group in records.tolist())
            carried = data.carries(records.ravel(), concepts).reshape(16, 4, 16)
            assert carried[np.arange(16), :, np.arange(16)].all()
            crossing += carried.sum() - carried[np.arange(16), :, np.arange(16)].sum()
    # Drawn at random 0.6 of the members carry another idea of their step.
    assert crossing / (4 * plan.records.size) < 0.1
    assert min(came) > 0.8
    again = GroupSampler(data, 16, 4, CaptionTable(data), seed=3).plan(2)
    assert np.array_equal(again.records, draw.plan(2).records)
    assert np.array_equal(again.captions, draw.plan(2).captions)


def test_a_picture_whose_ideas_are_all_small_comes_all_the_same(tmp_path: Path) -> None:
    pictures = [
        {"image": f"{i}.png", "labels": ["calm", "cold"], "captions": [f"c{i}"]} for i in range(8)
    ]
    pictures.append({"image": "alone.png", "labels": ["age"], "captions": ["x", "y"]})
    data = _read(tmp_path, PICTURES | {"pictures": pictures})
    plans = [GroupSampler(data, 2, 3, CaptionTable(data), seed=s).plan(0) for s in range(20)]
    assert any(8 in plan.records for plan in plans)
    assert all(plan.repeats >= 2 for plan in plans if 8 in plan.records)


def test_no_opposite_carries_the_idea_of_the_group() -> None:
    data = _ideas()
    plan = GroupSampler(data, 16, 4, CaptionTable(data)).plan(0)
    for opposites, concepts in zip(plan.opposites, plan.concepts, strict=True):
        carried = data.carries(opposites.ravel(), concepts).reshape(16, 4, 16)
        assert not carried[np.arange(16), :, np.arange(16)].any()
