"""Names of `glasskit.io.places` for the modules that look for them here."""

from __future__ import annotations

from glasskit.io.places import cache_folder, replace_file

__all__ = ["cache_folder", "replace_file"]
