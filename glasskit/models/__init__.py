"""Dual encoders: the built-in ones, trained runs, and any open_clip model, by one name.

What a model is
- `glass_model`: GlassModel, towers of open_clip and the `heads` that training changes
- `loading`: load_model and save_model; `export`: a run as an open_clip checkpoint, which
  `open_clip_plugin` helps to load
- `lite0`: the built-in models; `bundled`: features that ship with the kit

From pictures and texts to vectors
- `stream`: pictures through the tower; `fast_tower`: the image tower as an OpenVINO model
- `features`: tower features, computed once; `store`: the database that keeps them
- `prompts`: the vector of a concept's name; `reading`: what of a text is read
- `embedding`: a data set as one model sees it

What is done with vectors
- `vectors`: unit length, nearest neighbours, the rule for ties
- `recognition`: which concept is nearest; `standard`: cosines as standard scores

Hierarchy-aware attention
- `hierarchy`: the rule; `hierarchy_towers`: in whole towers; `grid_head`: over frozen towers

Names are imported when they are first used: where caches lie can be asked without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glasskit.models.glass_model import GlassModel
    from glasskit.models.loading import load_model, save_model

_HOMES = {"GlassModel": "glass_model", "load_model": "loading", "save_model": "loading"}

__all__ = ["GlassModel", "load_model", "save_model"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
