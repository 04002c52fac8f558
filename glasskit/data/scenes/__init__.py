"""The built-in data set ``scenes``: OpenMoji pictograms of abstract concepts, no download."""

from __future__ import annotations

from glasskit.data.scenes.build import Recipe, SceneImages, load_scenes, recipe

__all__ = ["Recipe", "SceneImages", "load_scenes", "recipe"]
