"""Settings that carry their own help and limits, so that the command line, YAML and app agree.

A dataclass field made by `setting` keeps what it means, its unit and its bounds in its metadata;
`check` holds a value against them, and whoever shows the setting reads the same `Limits`.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from glasskit.errors import InputError

KEY = "setting"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a setting means and which values it takes.

    Args:
        help: one line for people.
        unit: unit of a number, "" where it has none.
        low: smallest value, allowed itself.
        above: bound that the value must exceed.
        high: largest value, allowed itself.
        below: bound that the value must stay under.
        choices: the only values allowed.
    """

    help: str
    unit: str = ""
    low: float | None = None
    above: float | None = None
    high: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    def text(self) -> str:
        """The bounds in words, such as "0 to 1" or "above 0"; "" where there are none."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        lower = f"{self.low:g}" if self.low is not None else ""
        lower = f"above {self.above:g}" if self.above is not None else lower
        upper = f"{self.high:g}" if self.high is not None else ""
        upper = f"below {self.below:g}" if self.below is not None else upper
        if lower and upper:
            return f"{lower} to {upper}" if self.high is not None else f"{lower} and {upper}"
        if self.low is not None:
            return f"{lower} or more"
        return lower or (f"{upper} or less" if self.high is not None else upper)

    def allows(self, value: Any) -> bool:
        """Whether a value is within the bounds."""
        if self.choices:
            return value in self.choices
        if isinstance(value, str | bool):
            return True
        return (
            math.isfinite(value)
            and (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )


def setting(default: Any, text: str, **limits: Any) -> Any:
    """A dataclass field with its meaning and limits; see `Limits` for the keywords."""
    return field(default=default, metadata={KEY: Limits(text, **limits)})


def limits(config: Any) -> dict[str, Limits]:
    """The limits of every field of a config class or instance, by name."""
    return {f.name: f.metadata[KEY] for f in fields(config)}


def coerce(name: str, kind: Any, value: Any) -> Any:
    """A value from YAML or a flag as the type of its field.

    Raises:
        InputError: the value is of another type, such as "yes" for a number.
    """
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in options:
        return None
    for option in options:
        if option is bool and isinstance(value, bool):
            return value
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option is float and isinstance(value, str):
            try:  # YAML 1.1 reads 1e-3 as a text
                return float(value)
            except ValueError:
                continue
        if option is str and not isinstance(value, bool | int | float | list | dict | None):
            return str(value)
    wanted = " or ".join("nothing" if o is type(None) else o.__name__ for o in options)
    raise InputError(f"{name}: {value!r} is not of type {wanted}")


def read(config: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by field name, each of its field's type.

    Raises:
        InputError: a name that is no field, or a value of another type.
    """
    kinds = typing.get_type_hints(config)
    known = {f.name for f in fields(config)}
    for name in values:
        if name not in known:
            raise InputError(f"{name}: no such setting; known are {', '.join(sorted(known))}")
    return {name: coerce(name, kinds[name], value) for name, value in values.items()}


def check(config: Any) -> None:
    """Hold every field of a config against its type and limits.

    Raises:
        InputError: names the field, its value and what it may be.
    """
    kinds = typing.get_type_hints(type(config))
    for name, bound in limits(config).items():
        value = coerce(name, kinds[name], getattr(config, name))
        if value is not None and not bound.allows(value):
            unit = f" {bound.unit}" if bound.unit else ""
            raise InputError(f"{name}: {value!r} is not allowed; give {bound.text()}{unit}")
