"""Scenes: captions never name the concept, and the glyphs of the test split are new."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

import pytest

from glasskit.data.scenes import load_scenes
from glasskit.data.scenes.build import PICTURES, make_recipes
from glasskit.data.scenes.glyphs import ConceptSource, read_concepts, stems
from glasskit.data.scenes.render import draw_glyph
from glasskit.data.schema import Record

DATASET = load_scenes()
SOURCES = read_concepts()
RECIPES = tuple(make_recipes().values())


def forbidden_words(caption: str, levels: tuple[str | None, ...]) -> list[str]:
    """The words of a caption that begin, as a whole or after a hyphen, with a stem of a name."""
    beginnings = tuple(stem for name in levels if name is not None for stem in stems()[name])
    return [word for word in re.findall(r"[a-z]+", caption.lower()) if word.startswith(beginnings)]


def _sentences(record: Record) -> tuple[str, ...]:
    return (*record.captions, record.negation or "")


def _used(split: str) -> set[str]:
    return {glyph.character for r in RECIPES if r.split == split for glyph in r.glyphs}


# --- captions


def test_no_caption_uses_a_word_of_its_concept_at_any_level() -> None:
    for record in DATASET.records:
        levels = DATASET.by_name[record.concept].levels
        for sentence in _sentences(record):
            assert not forbidden_words(sentence, levels), f"{record.key}: {sentence}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.concept.name)
def test_the_caption_check_bites(source: ConceptSource) -> None:
    for name in source.concept.levels:
        assert name is not None
        assert stems()[name], f"{name} has no word beginnings"
        for planted in (name, name.capitalize(), f"half-{name}", *stems()[name]):
            assert forbidden_words(f"a picture of {planted}, at last", source.concept.levels)


@pytest.mark.parametrize(
    ("concept", "word"),
    [
        ("growth", "flowers"),
        ("depth", "deeper"),
        ("creativity", "recreate"),
        ("craft", "aircraft"),
        ("learning", "students"),
    ],
)
def test_derived_words_are_forbidden_too(concept: str, word: str) -> None:
    sentence = f"something {word} here"
    assert forbidden_words(sentence, DATASET.by_name[concept].levels) == [word]


def test_literal_captions_name_every_glyph_and_the_ground_and_the_paraphrase_says_it_anew() -> None:
    for made, record in zip(RECIPES, DATASET.records, strict=True):
        literal, paraphrase = record.literal
        assert record.key == made.key
        assert literal != paraphrase
        assert made.ground.colour in literal
        rest = literal
        for glyph in made.glyphs:  # named from left to right
            assert glyph.name in rest, f"{record.key}: {literal}"
            rest = rest.partition(glyph.name)[2]
        assert all(glyph.other in paraphrase for glyph in made.glyphs)


def test_negations_deny_glyphs_that_are_there() -> None:
    for made, record in zip(RECIPES, DATASET.records, strict=True):
        assert record.negation is not None
        assert re.search(r"\b(no|neither)\b", record.negation)
        for glyph in (made.glyphs[0], made.glyphs[-1]):
            assert re.sub(r"^(a|an|the) ", "", glyph.name) in record.negation


def test_articles_agree_with_their_nouns() -> None:
    for record in DATASET.records:
        for sentence in _sentences(record):
            assert not re.search(r"\ba ([aeio]|umbrella|urn|hourglass|X-)", sentence), sentence
            assert not re.search(r"\ban (?![aeiouE]|hourglass|X-)", sentence)


def test_theme_captions_are_varied_and_those_of_val_and_test_are_not_in_train() -> None:
    train, val, test = (
        {theme for record in DATASET.split(split).records for theme in record.theme}
        for split in PICTURES
    )
    assert not train & (val | test)
    for source in SOURCES:
        assert len(set(source.themes)) == len(source.themes) >= 6
    every = [theme for source in SOURCES for theme in source.themes]
    assert len(set(every)) == len(every)


# --- glyphs and splits


def test_every_split_has_glyphs_of_its_own() -> None:
    for one, other in combinations(PICTURES, 2):
        assert not _used(one) & _used(other)
    for split in PICTURES:
        glyphs = {g.character for source in SOURCES for g in source.glyphs[split]}
        assert _used(split) == glyphs, "every glyph is used"


def test_concepts_have_8_to_12_glyphs_and_share_none() -> None:
    every = [g for source in SOURCES for glyphs in source.glyphs.values() for g in glyphs]
    assert max(Counter(g.character for g in every).values()) == 1
    assert max(Counter(g.name for g in every).values()) == 1
    for source in SOURCES:
        assert 8 <= sum(map(len, source.glyphs.values())) <= 12
        assert min(map(len, source.glyphs.values())) >= 2


def test_every_glyph_is_in_the_font_in_colour() -> None:
    missing = draw_glyph("\U0010fffd")
    for source in SOURCES:
        for glyph in (g for glyphs in source.glyphs.values() for g in glyphs):
            assert len(glyph.character) == 1
            assert draw_glyph(glyph.character).tobytes() != missing.tobytes(), glyph.name


def test_sizes() -> None:
    assert len(DATASET.concepts) == 36
    for split, count in PICTURES.items():
        groups = DATASET.split(split).groups()
        assert {name: len(rows) for name, rows in groups.items()} == {
            concept.name: count for concept in DATASET.concepts
        }
    assert len({record.key for record in DATASET.records}) == len(DATASET)


# --- taxonomy


def test_taxonomy_has_four_levels_and_one_parent_for_each_name() -> None:
    assert [len(DATASET.labels(level)) for level in (1, 2, 3, 4)] == [36, 12, 6, 3]
    for level in range(3):
        pairs = {concept.levels[level : level + 2] for concept in DATASET.concepts}
        assert len({child for child, _ in pairs}) == len(pairs)
    names = [name for level in (1, 2, 3, 4) for name in DATASET.labels(level)]
    assert len(set(names)) == len(names)
    assert set(stems()) == set(names)


def test_hard_negatives_and_also_are_other_concepts() -> None:
    for concept in DATASET.concepts:
        assert concept.guide
        assert len(set(concept.hard_negatives)) == len(concept.hard_negatives) == 5
        assert set(concept.hard_negatives) <= set(DATASET.by_name) - {concept.name}
    assert any(record.also for record in DATASET.records)
    for record in DATASET.records:
        assert set(record.also) <= set(DATASET.by_name) - {record.concept}
