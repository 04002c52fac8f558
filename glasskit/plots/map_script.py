"""The script and the look of the map, for the app's pages and for notebooks."""

from __future__ import annotations

from importlib.resources import files

FOLDER = files("glasskit.plots") / "map"
SCRIPTS = ("canvas.js", "pointer.js", "map.js")


def map_script() -> str:
    """JavaScript that defines ``GlassMap`` (see map/map.js), however often a page holds it."""
    parts = [(FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "window.GlassMap ??= (() => {\n" + "\n".join(parts) + "\nreturn GlassMap;\n})();\n"


def map_style() -> str:
    """The CSS of the map."""
    return (FOLDER / "map.css").read_text(encoding="utf-8")
