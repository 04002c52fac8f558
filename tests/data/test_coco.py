"""coco-concepts and coco-ideas: the project's own labels, captions that name no concept, features
that ship."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from glasskit.data import load_dataset
from glasskit.data.coco import DERIVED
from glasskit.data.leaks import leaked_words
from glasskit.data.schema import Record

DATA = load_dataset("coco-concepts")
IDEAS = load_dataset("coco-ideas")
PACKAGE = Path(str(files("glasskit.data.coco")))


def test_sizes() -> None:
    assert (len(DATA), len(DATA.concepts)) == (750, 50)
    assert (len(DATA.split("train")), len(DATA.split("test"))) == (618, 132)
    assert (len(IDEAS.concepts), len(IDEAS.memberships[0])) == (132, 5041)


def test_themes_of_an_idea_do_not_name_it() -> None:
    derived = [
        word
        for record in IDEAS.records
        for name, texts in record.label_themes.items()
        for text in texts
        for word in leaked_words(text, IDEAS.by_name[name].levels)
    ]
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


def test_its_photographs_are_found_in_a_folder(shared: Path) -> None:
    data = load_dataset("coco-concepts", images=shared / "data" / "coco-concepts" / "images")
    assert max(data.image(0).size) == 256
    assert all(data.fingerprint(i) for i in range(len(data)))
    assert len(set(data.clusters)) == len(data)
    assert data.cluster_by == "picture"
