"""The map in a page of its own, without a server."""

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
