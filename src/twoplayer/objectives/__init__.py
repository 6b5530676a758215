"""The family of objectives: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.objectives._base import AdaptiveObjective as AdaptiveObjective
    from twoplayer.objectives._base import Objective as Objective
    from twoplayer.objectives._divergence import Divergence as Divergence

__all__ = ["AdaptiveObjective", "Divergence", "Objective", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.objectives._base:Objective")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__, {"AdaptiveObjective": "_base", "Divergence": "_divergence", "Objective": "_base"}
)
