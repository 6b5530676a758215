"""The family of algorithms: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.algorithms._base import Algorithm as Algorithm
    from twoplayer.algorithms._base import StepRecord as StepRecord

__all__ = ["Algorithm", "StepRecord", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.algorithms._base:Algorithm")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(__name__, {"Algorithm": "_base", "StepRecord": "_base"})
