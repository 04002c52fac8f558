"""The built-in data set ``scenes``: OpenMoji pictograms of abstract concepts, no download.

- `glyphs`: concepts with their glyphs, from the TOML files; `captions`: sentences about glyphs
- `build`: records and pictures; `draw`: random choices; `layout`, `ground`, `render`: a picture
"""

from __future__ import annotations

from glasskit.data.scenes.build import load_scenes

__all__ = ["load_scenes"]
