"""What is known of every sample beside its pixels, as words and as numbers."""

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
    """Something that every sample has: one of several `values`, or a number in a `range`.

    As numbers it is float32 ``(width,)``: one-hot over the values, or the number with the range scaled to
    [-1, 1].

    >>> hair = Attribute("hair", values=("blond", "red"))
    >>> hair.encode("red"), hair.decode(np.array([0.9, 0.2]))
    (array([0., 1.], dtype=float32), 'blond')
    >>> Attribute("age", range=(0.0, 80.0)).encode("60")
    array([0.5], dtype=float32)
    """

    name: str
    values: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    """Least and largest number; None where it is one of `values`."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Attribute:
        """From plain values, such as JSON's, that `dataclasses.asdict` gave."""
        low_high = document.get("range")
        return cls(str(document["name"]), tuple(document.get("values", ())), tuple(low_high) if low_high else None)

    @property
    def width(self) -> int:
        """How many numbers encode it."""
        return len(self.values) if self.range is None else 1

    def encode(self, value: str | float) -> Array:
        """`value` as float32 ``(width,)``. Raises `UserError` for a word or number that it does not know."""
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
    """How many numbers encode them all."""
    return sum(attribute.width for attribute in attributes)


def encode_attributes(
    attributes: Sequence[Attribute], wanted: Mapping[str, str | float], otherwise: Array | None = None
) -> Array:
    """A row of numbers, float32 ``(A,)``, for the attributes by name.

    Those that `wanted` does not name are as in the row `otherwise`; without one all must be named. Raises
    `UserError` for an unknown or missing name or value.
    """
    known = [attribute.name for attribute in attributes]
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is not None:
        raise UserError(f"no attribute is called {unknown!r}: {did_you_mean(unknown, known)}")
    missing = [name for name in known if name not in wanted]
    if missing and otherwise is None:
        raise UserError(f"say what the attribute {missing[0]} shall be: all of {', '.join(known)} are needed")
    row = np.zeros(total_width(attributes), np.float32) if otherwise is None else np.array(otherwise, np.float32)
    for attribute, place in attribute_slices(attributes):
        if attribute.name in wanted:
            row[place] = attribute.encode(wanted[attribute.name])
    return row


def decode_attributes(attributes: Sequence[Attribute], row: Array) -> dict[str, str | float]:
    """A row of numbers ``(A,)`` as values by attribute name.

    >>> both = (Attribute("hair", values=("blond", "red")), Attribute("age", range=(0.0, 80.0)))
    >>> decode_attributes(both, encode_attributes(both, {"hair": "red", "age": 20}))
    {'hair': 'red', 'age': 20.0}
    """
    return {attribute.name: attribute.decode(row[place]) for attribute, place in attribute_slices(attributes)}


def attribute_slices(attributes: Sequence[Attribute]) -> list[tuple[Attribute, slice]]:
    """Each attribute with its columns."""
    ends = np.cumsum([attribute.width for attribute in attributes])
    return [(a, slice(int(end) - a.width, int(end))) for a, end in zip(attributes, ends, strict=True)]
