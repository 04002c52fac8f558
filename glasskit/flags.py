"""Command-line flags of a settings class: every field once, with the help and limits it carries."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

from glasskit.training.config import TrainConfig
from glasskit.training.fields import limits

OWN = ("dataset",)
"""Fields that the command takes as an argument."""


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag for each field of TrainConfig in place of its ``**flags``.

    A flag that is not given stays out, so that a YAML file or the default decides.
    """
    kept = [
        p
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    kinds = typing.get_type_hints(TrainConfig)
    flags = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_plain(kinds[field.name]) | None, _option(field)],
        )
        for field in fields(TrainConfig)
        if field.name not in OWN
    ]
    command.__signature__ = inspect.Signature(kept + flags)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in kept + flags} | {"return": None}
    return command


def settings_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def _plain(kind: Any) -> type:
    """The type of a field without its None."""
    return next((k for k in typing.get_args(kind) if k is not type(None)), kind)


def _option(field: Any) -> Any:
    bound = limits(TrainConfig)[field.name]
    notes = [bound.text(), bound.unit, f"default {field.default}"]
    text = f"{bound.help} ({'; '.join(note for note in notes if note)})"
    name = "--" + field.name.replace("_", "-")
    names = f"{name}/--no{name[1:]}" if isinstance(field.default, bool) else name
    return typer.Option(names, help=text, show_default=False)
