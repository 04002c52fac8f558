"""Settings classes: every field with its help and limits, and errors in words for people."""

from __future__ import annotations

import difflib
import typing
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from glasskit.errors import InputError

OUTSIDE = ("finite_number", "greater_than", "greater_than_equal", "less_than", "less_than_equal")
"""What pydantic calls a number outside its limits."""


class Settings(BaseModel):
    """Settings that cannot change; each field carries its help and its limits.

    Raises:
        InputError: a field is unknown, of the wrong type or outside its limits; names the field.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,  # the text below a field is its help
    )

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InputError(explained(error, type(self))) from None

    def as_dict(self) -> dict[str, Any]:
        """Field names and plain values."""
        return self.model_dump()

    def but(self, **changes: Any) -> Self:
        """The same settings with some changed and checked; None makes a field unset."""
        return type(self)(**{**self.as_dict(), **changes})


def limits(field: FieldInfo) -> dict[str, float]:
    """The limits of a number by their names in pydantic: ge, gt, le, lt."""
    names = [type(item).__name__.lower() for item in field.metadata]
    return {n: getattr(item, n) for n, item in zip(names, field.metadata, strict=True)}


def kinds(field: FieldInfo) -> list[Any]:
    """The types that a field takes, without None."""
    options = typing.get_args(field.annotation)
    if typing.get_origin(field.annotation) is typing.Literal or not options:
        options = (field.annotation,)
    return [kind for kind in options if kind is not type(None)]


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The only values allowed, or none where there are others."""
    return typing.get_args(kinds(field)[0])


def allowed(field: FieldInfo) -> str:
    """The limits in words, such as "0 to 1" or "above 0"; "" where there are none."""
    if choices(field):
        return "one of " + ", ".join(choices(field))
    limit = {name: f"{value:g}" for name, value in limits(field).items()}
    low = limit.get("ge") or (f"above {limit['gt']}" if "gt" in limit else "")
    if "le" in limit:
        return f"{low} to {limit['le']}" if low else f"{limit['le']} or less"
    if "lt" in limit:
        return f"{low} and below {limit['lt']}" if low else f"below {limit['lt']}"
    return f"{low} or more" if "ge" in limit else low


def plain(value: Any, field: FieldInfo) -> Any:
    """A value as its field takes it.

    YAML 1.1 reads 1e-3 as a text, a Path is a text too, and a number of NumPy is one of Python.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and float in kinds(field):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def explained(error: ValidationError, model: type[BaseModel]) -> str:
    """One line for the first thing that is wrong: the field, its value and what it may be."""
    found = error.errors(include_url=False)
    # A name that is no field explains what is missing elsewhere.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    name, value, known = str(first["loc"][0]), first["input"], model.model_fields
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
        return f"{name}: no such setting; {hint}"
    field = known[name]
    if first["type"] in OUTSIDE or choices(field):
        return f"{name}: {value!r} is not allowed; give {allowed(field)}"
    wanted = [kind.__name__ for kind in kinds(field)]
    wanted += [] if len(typing.get_args(field.annotation)) == 0 else ["nothing"]
    return f"{name}: {value!r} is not of type {' or '.join(wanted)}"
