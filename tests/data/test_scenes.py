"""Scenes: captions never name the concept, and the glyphs of the test split are new."""

from __future__ import annotations

from itertools import combinations

from glasskit.data.leaks import leaked_words
from glasskit.data.scenes import load_scenes
from glasskit.data.scenes.build import PICTURES, make_recipes
from glasskit.data.scenes.glyphs import read_concepts
from glasskit.data.scenes.render import draw_glyph

DATASET = load_scenes()
SOURCES = read_concepts()
RECIPES = tuple(make_recipes().values())


def _used(split: str) -> set[str]:
    return {glyph.character for r in RECIPES if r.split == split for glyph in r.glyphs}


# --- captions


def test_no_caption_uses_a_word_of_its_concept_at_any_level() -> None:
    for record in DATASET.records:
        levels = DATASET.by_name[record.concept].levels
        for sentence in (*record.captions, record.negation or ""):
            assert not leaked_words(sentence, levels), f"{record.key}: {sentence}"


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


def test_theme_captions_of_val_and_test_are_not_in_train() -> None:
    train, val, test = (
        {theme for record in DATASET.split(split).records for theme in record.theme}
        for split in PICTURES
    )
    assert not train & (val | test)


# --- glyphs and splits


def test_every_split_has_glyphs_of_its_own() -> None:
    for one, other in combinations(PICTURES, 2):
        assert not _used(one) & _used(other)
    for split in PICTURES:
        glyphs = {g.character for source in SOURCES for g in source.glyphs[split]}
        assert _used(split) == glyphs, "every glyph is used"


def test_every_glyph_is_in_the_font_in_colour() -> None:
    missing = draw_glyph("\U0010fffd")
    for source in SOURCES:
        for glyph in (g for glyphs in source.glyphs.values() for g in glyphs):
            assert len(glyph.character) == 1
            assert draw_glyph(glyph.character).tobytes() != missing.tobytes(), glyph.name


# --- taxonomy


def test_taxonomy_has_four_levels_and_one_parent_for_each_name() -> None:
    assert [len(DATASET.labels(level)) for level in (1, 2, 3, 4)] == [36, 12, 6, 3]
    for level in range(3):
        pairs = {concept.levels[level : level + 2] for concept in DATASET.concepts}
        assert len({child for child, _ in pairs}) == len(pairs)
    names = [name for level in (1, 2, 3, 4) for name in DATASET.labels(level)]
    assert len(set(names)) == len(names)
