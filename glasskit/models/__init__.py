"""Dual encoders: the built-in one, trained runs, and any open_clip model, by one name."""

from glasskit.models.glass_model import GlassModel
from glasskit.models.loading import load_model, save_model

__all__ = ["GlassModel", "load_model", "save_model"]
