"""The built-in data set ``scenes``: OpenMoji pictograms of abstract concepts, no download."""

from __future__ import annotations

from glasskit.data.scenes.build import SceneImages, load_scenes

__all__ = ["SceneImages", "load_scenes"]
