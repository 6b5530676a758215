"""Ranges of options, written as annotations: whoever reads a constructor's signature can check a value by it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from twoplayer.core.errors import UserError

__all__ = ["Count", "Decay", "NonNegative", "NonNegativeCount", "OpenShare", "Positive", "Share", "at_least", "within"]


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
NonNegativeCount = Annotated[int, Field(ge=0)]


def at_least(least: int, **options: int) -> None:
    """Raise `UserError` for the first of the options given that is below `least`."""
    for name, value in options.items():
        if value < least:
            raise UserError(f"{name} must be at least {least}, not {value}")


def within(kind: Any, **option: Any) -> Any:
    """The value of the one option given, as `kind` wants it. Raises `UserError` that names the option.

    >>> within(OpenShare, weight=0.25)
    0.25
    """
    ((name, value),) = option.items()
    try:
        return TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        raise UserError(f"{name} {said}, not {value!r}") from None
