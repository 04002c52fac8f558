"""The page's own scripts and CSS, and how what browsers send is answered or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr

from glasskit.errors import InputError
from glasskit.plots.map_script import map_script, map_style

ASSETS = Path(__file__).parent / "assets"
PARTS = ("page.js", "map_page.js", "trays.js", "train.js", "photographs.js")


@cache
def bundle() -> str:
    """The map's script and those of the pages, in order."""
    return map_script() + "".join((ASSETS / name).read_text(encoding="utf-8") for name in PARTS)


def style() -> str:
    """The CSS of the map and of the page round it."""
    return map_style() + (ASSETS / "kit.css").read_text(encoding="utf-8")


def scripted_html(value: Any, call: str, **settings: Any) -> gr.HTML:
    """HTML that JavaScript brings to life: ``call``, which has ``element`` and ``server``.

    Gradio waits for the scripts first. A new version of them has a new address.
    """
    version = sha256(bundle().encode()).hexdigest()[:12]
    head = f'<script src="kit/scripts.js?{version}"></script>'
    return gr.HTML(value, js_on_load=call, head=head, **settings)


def asked_dataset(names: Sequence[str], request: gr.Request) -> str:
    """The data set that a page's address asks for with ``?data=``, or the first one."""
    wished = request.query_params.get("data", "")
    return wished if wished in names else names[0]


def questions(*answers: Callable[..., dict]) -> list[Callable[[object], dict]]:
    """Functions as a page's scripts call them: with an object of all arguments by name.

    What can't be answered is {"error": one line}; anyone can send anything.
    """
    return [_question(answer) for answer in answers]


def _question(answer: Callable[..., dict]) -> Callable[[object], dict]:
    names = list(signature(answer).parameters)

    def asked(sent: object) -> dict:
        try:
            if not isinstance(sent, dict) or set(sent) != set(names):
                raise InputError(f"send an object with {', '.join(names)}")
            return answer(**sent)
        except InputError as error:
            return {"error": str(error)}

    asked.__name__ = answer.__name__  # by which Gradio calls it
    return asked


@contextmanager
def refusals_told() -> Iterator[None]:
    """An InputError in this block becomes a notice that Gradio sends to the caller."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None
