"""The answers of the Map and Probe tabs as HTML, from the macros of assets/answers.html."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "assets"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def answer(macro: str, **given: object) -> str:
    """What one macro writes; every text that it is given is escaped."""
    return str(getattr(_ENVIRONMENT.get_template("answers.html").module, macro)(**given))
