"""The page's own scripts in one file, and the tabs that they draw."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import gradio as gr

from glasskit.errors import InputError

ASSETS = Path(__file__).parent / "assets"
PARTS = (
    "page.js",
    "map_data.js",
    "labels.js",
    "dots.js",
    "thumbs.js",
    "panel.js",
    "atlas.js",
    "pointer.js",
    "detail_panel.js",
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
    """A component's ``js_on_load`` that runs ``call`` once scripts are there and it is seen.

    Gradio puts scripts into the head while it starts, and does not wait for them.
    """
    return (
        "const start = () => window.GlassKit?.complete\n"
        f"  ? GlassKit.whenSeen(element, () => {call})\n"
        "  : setTimeout(start, 20);\nstart();"
    )


def html_tab(
    template: str,
    call: str,
    names: Iterable[str],
    functions: Sequence[Callable[[object], dict]],
    **settings: str,
) -> gr.HTML:
    """A tab drawn by the page's own scripts, inside the current Blocks.

    Args:
        template: file of assets; ``@datasets`` in it becomes the options of a choice of data sets.
        call: JavaScript that takes ``element`` and ``server`` and brings the tab to life.
        names: of the data sets.
        functions: what ``server`` can be asked; each takes whatever a browser sent.
        settings: of ``gr.HTML``.
    """
    options = "".join(
        f'<option value="{html.escape(name, quote=True)}">{html.escape(name)}</option>'
        for name in names
    )
    return gr.HTML(
        value="",
        html_template=(ASSETS / template).read_text(encoding="utf-8").replace("@datasets", options),
        js_on_load=on_load(call),
        server_functions=list(functions),
        apply_default_css=False,
        **settings,
    )


def answered(question: Callable[..., dict], asked: object, *names: str) -> dict:
    """The answer to what a browser sent, or {"error": one line} where it can't be answered."""
    try:
        if not isinstance(asked, dict) or set(asked) != set(names):
            raise InputError(f"send an object with {', '.join(names)}")
        return question(**asked)
    except InputError as error:
        return {"error": str(error)}
