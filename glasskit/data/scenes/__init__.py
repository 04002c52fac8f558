"""The built-in data set ``scenes``: OpenMoji pictograms of abstract concepts, no download."""

from __future__ import annotations

from glasskit.data.scenes.build import load_scenes

__all__ = ["load_scenes"]
