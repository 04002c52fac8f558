"""The map in a page of its own, without a server, and a lasso drawn on any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glasskit.plots.map_script import map_script, map_style


def map_page(file: Path, data: dict[str, Any], options: str = "") -> Path:
    """Writes a page with the map of ``data``; options are JavaScript."""
    file.write_text(
        f"<!doctype html><meta charset=utf-8><style>{map_style()}</style><body><main></main>"
        f"<script>{map_script()} new GlassMap(document.querySelector('main'), {json.dumps(data)}, "
        f"{{{options}}});</script>",
        encoding="utf-8",
    )
    return file


def draw_lasso(page, side: str, wide: float, high: float) -> None:
    """Draw round the upper left part of a map, as wide and high as these shares of it."""
    page.click(".gk-lasso")
    box = page.locator(f".gk-{side} canvas").bounding_box()
    left, top = box["x"] + 4, box["y"] + 4
    right, bottom = box["x"] + wide * box["width"], box["y"] + high * box["height"]
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=6)
    page.mouse.up()
    page.wait_for_selector(".gk-detail h3:has-text('selected')")
