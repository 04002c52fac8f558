"""The app: maps of the latent space and a probe. ``glasskit app`` calls ``launch``."""

from __future__ import annotations

import glasskit  # noqa: F401 (sets the switches of glasskit.offline before Gradio comes in)
from glasskit_app.main import launch

__all__ = ["launch"]
