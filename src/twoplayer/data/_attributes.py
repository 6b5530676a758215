"""Attributes of samples: named words or numbers, and their encoding as vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twoplayer.core.errors import UserError, did_you_mean
from twoplayer.data._types import Array

__all__ = ["Attribute", "attribute_slices", "decode_attributes", "encode_attributes", "total_width"]

RANGE_TOLERANCE = 1e-6
"""Share of a range by which a number may lie outside it: what rounding to float32 and back can do."""


@dataclass(frozen=True)
class Attribute:
    """A property of every sample: one of several `values`, or a number in a `range`.

    It is encoded as float32 ``(width,)``: one-hot over the values, or the number with the range scaled to [-1, 1].

    >>> hair = Attribute("hair", values=("blond", "red"))
    >>> hair.encode("red"), hair.decode(np.array([0.9, 0.2]))
    (array([0., 1.], dtype=float32), 'blond')
    >>> Attribute("age", range=(0.0, 80.0)).encode("60")
    array([0.5], dtype=float32)
    """

    name: str
    values: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    """Smallest and largest number; None where the attribute is one of `values`."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Attribute:
        """An attribute from plain values, such as JSON's, that `dataclasses.asdict` returned."""
        limits = document.get("range")
        return cls(str(document["name"]), tuple(document.get("values", ())), tuple(limits) if limits else None)

    @property
    def width(self) -> int:
        """Length of the encoding."""
        return len(self.values) if self.range is None else 1

    def encode(self, value: str | float) -> Array:
        """`value` as float32 ``(width,)``. Raises `UserError` for an unknown word, or a number out of range."""
        if self.range is not None:
            return np.array([self._scaled(value)], dtype=np.float32)
        if str(value) not in self.values:
            raise UserError(f"{self.name} is never {value!r}: {did_you_mean(str(value), self.values)}")
        code = np.zeros(self.width, dtype=np.float32)
        code[self.values.index(str(value))] = 1
        return code

    def decode(self, code: Array) -> str | float:
        """The value nearest to `code`, ``(width,)``."""
        if self.range is None:
            return self.values[int(np.argmax(code))]
        low, high = self.range
        return low + (high - low) * (float(np.clip(code[0], -1, 1)) + 1) / 2

    def _scaled(self, value: str | float) -> float:
        low, high = self.range or (0.0, 1.0)
        try:
            number = float(value)
        except ValueError:
            raise UserError(f"{self.name} is a number from {low:g} to {high:g}, not {value!r}") from None
        if not abs(number - (low + high) / 2) <= (high - low) * (0.5 + RANGE_TOLERANCE):  # also where it is NaN
            raise UserError(f"{self.name} must lie from {low:g} to {high:g}, as in the training data, not {number:g}")
        return min(1.0, max(-1.0, 2 * (number - low) / (high - low) - 1))


def total_width(attributes: Sequence[Attribute]) -> int:
    """Length of the encoding of all `attributes`."""
    return sum(attribute.width for attribute in attributes)


def encode_attributes(
    attributes: Sequence[Attribute], values: Mapping[str, str | float], default: Array | None = None
) -> Array:
    """The encoding of values of several attributes, float32 ``(A,)``.

    Args:
        attributes: all attributes, in the order of the encoding.
        values: values by attribute name.
        default: an encoding ``(A,)`` for the attributes that `values` does not name; None requires all of them.

    Raises:
        UserError: an unknown or missing name, or a value that the attribute does not have.
    """
    names = [attribute.name for attribute in attributes]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise UserError(f"no attribute is called {unknown!r}: {did_you_mean(unknown, names)}")
    missing = [name for name in names if name not in values]
    if missing and default is None:
        raise UserError(f"the attribute {missing[0]} has no value: give one for each of {', '.join(names)}")
    row = np.zeros(total_width(attributes), np.float32) if default is None else np.array(default, np.float32)
    for attribute, columns in attribute_slices(attributes):
        if attribute.name in values:
            row[columns] = attribute.encode(values[attribute.name])
    return row


def decode_attributes(attributes: Sequence[Attribute], row: Array) -> dict[str, str | float]:
    """Values by attribute name, from an encoding ``(A,)``.

    >>> both = (Attribute("hair", values=("blond", "red")), Attribute("age", range=(0.0, 80.0)))
    >>> decode_attributes(both, encode_attributes(both, {"hair": "red", "age": 20}))
    {'hair': 'red', 'age': 20.0}
    """
    return {attribute.name: attribute.decode(row[columns]) for attribute, columns in attribute_slices(attributes)}


def attribute_slices(attributes: Sequence[Attribute]) -> list[tuple[Attribute, slice]]:
    """Each attribute with its columns of the encoding."""
    ends = np.cumsum([attribute.width for attribute in attributes])
    return [(a, slice(int(end) - a.width, int(end))) for a, end in zip(attributes, ends, strict=True)]
