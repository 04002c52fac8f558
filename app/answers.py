"""The answers of the Map and Probe tabs as HTML, from the macros of assets/answers.html."""

from __future__ import annotations

from pathlib import Path

from glasskit.plots.templates import templates

_TEMPLATES = templates(Path(__file__).parent / "assets")


def answer(macro: str, **given: object) -> str:
    """What one macro writes; every text that it is given is escaped."""
    return str(getattr(_TEMPLATES.get_template("answers.html").module, macro)(**given))
