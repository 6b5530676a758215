"""The family of metrics: one file each, discovered by name; ``measure`` takes all that apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twoplayer.registry import Family

if TYPE_CHECKING:
    from twoplayer.metrics._base import Figure as Figure
    from twoplayer.metrics._measure import Measurement as Measurement
    from twoplayer.metrics._measure import count_label as count_label
    from twoplayer.metrics._measure import measure as measure
    from twoplayer.metrics._measure import sample_count as sample_count

__all__ = [
    "Figure",
    "Measurement",
    "count_label",
    "create",
    "describe",
    "family",
    "measure",
    "names",
    "sample_count",
]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe


def __getattr__(name: str) -> Any:
    # Listing the family must not cost an import of numpy, so what measures is imported when first used.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from twoplayer.metrics import _measure

    return getattr(_measure, name)
