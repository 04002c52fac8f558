"""coco-concepts and coco-ideas: the project's own labels, captions that name no concept, features
that ship."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from safetensors import safe_open

from glasskit.data import load_dataset
from glasskit.data.coco import DERIVED
from glasskit.data.leaks import leaked_words
from glasskit.data.schema import Record
from glasskit.errors import InputError

DATA = load_dataset("coco-concepts")
IDEAS = load_dataset("coco-ideas")
PACKAGE = Path(str(files("glasskit.data.coco")))


def test_sizes() -> None:
    assert (len(DATA), len(DATA.concepts)) == (750, 50)
    assert (len(DATA.split("train")), len(DATA.split("test"))) == (618, 132)
    assert all(len(record.literal) == 2 and len(record.theme) == 1 for record in DATA.records)
    assert all(record.negation for record in DATA.records)
    assert all(all(concept.levels) and concept.guide for concept in DATA.concepts)


def test_coco_ideas_has_the_same_photographs_under_several_ideas_each() -> None:
    splits = [{record.key: record.split for record in data.records} for data in (IDEAS, DATA)]
    assert splits[0] == splits[1]
    assert (len(IDEAS.concepts), len(IDEAS.memberships[0])) == (132, 5041)
    assert [len(IDEAS.labels(level)) for level in (1, 2, 3, 4)] == [132, 23, 11, 4]
    derived = []
    for record in IDEAS.records:
        assert 5 <= len(record.labels) <= 9
        assert (len(record.not_labels), len(record.theme)) == (3, 1)
        assert list(record.label_themes) == list(record.labels[:3])
        for name, texts in record.label_themes.items():
            derived += [w for text in texts for w in leaked_words(text, IDEAS.by_name[name].levels)]
    assert len(derived) == 9  # "together" for companionship, whose level 2 is togetherness


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("concepts.json", "coco-concepts/annotations.json"),
        ("taxonomy.json", "coco-concepts/taxonomy.json"),
        ("ideas.json", "coco-ideas/coco-ideas.json"),
        ("second_reading.json", "coco-ideas/second_reading.json"),
    ],
)
def test_what_ships_is_what_was_written(shared: Path, name: str, written: str) -> None:
    source = shared / "data" / written
    assert json.loads((PACKAGE / name).read_text()) == json.loads(source.read_text())


def test_no_photograph_ships() -> None:
    kinds = {path.suffix for path in PACKAGE.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".md", ".safetensors", ".py", ".pyc"}


def _given_away(record: Record) -> list[str]:
    """Words by which the captions of a record give its concept away, derived ones too."""
    levels = DATA.by_name[record.concept].levels
    literal = [word for text in record.literal for word in leaked_words(text, levels[:1])]
    return literal + [word for text in record.theme for word in leaked_words(text, levels)]


def test_captions_name_no_concept_and_words_derived_from_a_name_are_few_and_known() -> None:
    found = {record.key: words for record in DATA.records if (words := _given_away(record))}
    assert found == {key: [word] for key, word in DERIVED.items()}
    names = {word for level in (1, 2, 3, 4) for name in DATA.labels(level) for word in name.split()}
    assert not names & set(DERIVED.values())


def test_the_caption_check_bites() -> None:
    for concept in DATA.concepts:
        for level, name in enumerate(concept.levels):
            assert name is not None
            word = max(name.split(), key=len)
            for planted in (name, name.upper(), f"half-{word}", word.removesuffix("s") + "s"):
                text = f"here is {planted}, at last"
                assert leaked_words(text, concept.levels[: level + 1]), planted


def test_features_ship_for_every_record() -> None:
    assert DATA.features is not None
    with safe_open(DATA.features, "pt") as file:
        keys = file.metadata()["keys"].split("\n")
        shape = file.get_slice("features").get_shape()
    assert {record.key for record in DATA.records} <= set(keys)
    assert shape == [1000, 1280]
    assert DATA.features.stat().st_size < 3_000_000


def test_its_photographs_are_found_in_a_folder(shared: Path) -> None:
    data = load_dataset("coco-concepts", images=shared / "data" / "coco-concepts" / "images")
    assert max(data.image(0).size) == 256
    assert all(data.fingerprint(i) for i in range(len(data)))
    assert len(set(data.clusters)) == len(data)
    assert data.cluster_by == "picture"


def test_scenes_draws_its_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="draws its own pictures"):
        load_dataset("scenes", images=tmp_path)
