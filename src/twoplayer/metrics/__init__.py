"""The family of metrics: one file each, discovered by name; `twoplayer.measurement` takes all that apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twoplayer.core.registry import Family

if TYPE_CHECKING:
    from twoplayer.metrics._base import Estimate as Estimate
    from twoplayer.metrics._base import MetricValue as MetricValue

__all__ = ["Estimate", "MetricValue", "create", "describe", "family", "names"]

family = Family(__name__)
names, create, describe = family.names, family.create, family.describe


def __getattr__(name: str) -> Any:
    # Listing the family must not cost an import of numpy, which its records need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from twoplayer.metrics import _base

    return getattr(_base, name)
