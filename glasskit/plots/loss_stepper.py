"""The loss stepper: eight vectors on a circle, and what an objective does to their cosines.

The formulas are written a second time, in stepper/objectives.js, so that sliders answer at once and
the page needs no server. tests/plots/test_stepper.py compares them with `glasskit.losses`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from glasskit.losses.objectives import OBJECTIVES, settings_of

FOLDER = files("glasskit.plots") / "stepper"


def stepper_html() -> str:
    """The stepper as a piece of a page, which needs nothing else.

    It lists the objectives of the registry with their settings; the reader changes temperature
    (the inner one goes with it) and alpha, all other settings are at their defaults.
    """
    read = {name: (FOLDER / name).read_text(encoding="utf-8") for name in PARTS}
    data = json.dumps(_registry()).replace("<", "\\u003c")
    script = read["objectives.js"] + read["stepper.js"]
    return (
        f"<style>{read['stepper.css']}</style>{read['stepper.html']}"
        f"<script>globalThis.glassStepper = ((objectives) => {{\n{script}}})({data});"
        "</script>"
    )


PARTS = ("stepper.html", "stepper.css", "objectives.js", "stepper.js")


def _registry() -> dict[str, dict[str, Any]]:
    """What the page says of each objective."""
    return {
        name: {
            "summary": spec.summary,
            "source": spec.source,
            "needs": spec.needs,
            "settings": settings_of(name),
        }
        for name, spec in OBJECTIVES.items()
    }
