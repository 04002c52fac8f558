"""Dual encoders: the built-in one, trained runs, and any open_clip model, by one name.

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
