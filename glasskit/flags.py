"""Command-line flags of a settings class: every field once, with the help and limits it carries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from glasskit.fields import Settings, allowed, choices, kinds

Command = Callable[..., None]


def with_settings(settings: type[Settings], own: Collection[str]) -> Callable[[Command], Command]:
    """Give a command one flag for each field of its settings in place of its ``**flags``.

    A flag that is not given stays out, so that a YAML file or the default decides.

    Args:
        settings: the class.
        own: fields that the command declares by itself, such as its arguments.
    """
    flags = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_kind(field) | None, _option(name, field)],
        )
        for name, field in settings.model_fields.items()
        if name not in own
    ]

    def flagged(command: Command) -> Command:
        known = inspect.signature(command, eval_str=True).parameters.values()
        every = [p for p in known if p.kind is not inspect.Parameter.VAR_KEYWORD] + flags
        command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in every} | {"return": None}
        return command

    return flagged


def settings_of(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def _kind(field: FieldInfo) -> type:
    """What the command line reads; the settings say which words they take."""
    return str if choices(field) else kinds(field)[0]


def _option(name: str, field: FieldInfo) -> Any:
    default = "" if field.default in (None, "") else f"default {field.default}"
    notes = "; ".join(note for note in (allowed(field), default) if note)
    text = " ".join((field.description or "").split()) + (f" ({notes})" if notes else "")
    flag = "--" + name.replace("_", "-")
    names = f"{flag}/--no{flag[1:]}" if _kind(field) is bool else flag
    return typer.Option(names, help=text, show_default=False)
