"""The page's own scripts: one file made of the small ones, and how a component waits for it."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PARTS = (
    "page.js",
    "labels.js",
    "panel.js",
    "atlas.js",
    "pointer.js",
    "wall.js",
    "map_page.js",
    "groups.js",
    "chart.js",
    "train.js",
    "report.js",
)


@lru_cache(maxsize=1)
def bundle() -> str:
    """All scripts in order; the last line says that they are all there."""
    parts = [(ASSETS / name).read_text(encoding="utf-8") for name in PARTS]
    return "\n".join([*parts, "GlassKit.complete = true;"])


def head() -> str:
    """What goes into the page's head; a new version of the scripts has a new address."""
    version = sha256(bundle().encode()).hexdigest()[:12]
    return f'<script src="kit/scripts.js?{version}"></script>'


def on_load(call: str) -> str:
    """A component's ``js_on_load`` that runs ``call`` once the page's scripts are there.

    Gradio puts scripts into the head while it starts, and does not wait for them.
    """
    return (
        f"const start = () => window.GlassKit?.complete ? {call} : setTimeout(start, 20);\nstart();"
    )
