"""The family of two-sample tests: one file each, discovered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.two_sample.statistics._base import StatisticEvidence as StatisticEvidence
    from twoplayer.two_sample.statistics._base import TwoSampleTest as TwoSampleTest

__all__ = ["StatisticEvidence", "TwoSampleTest", "create", "describe", "family", "names"]

family = Family(__name__, root="twoplayer.two_sample.statistics._base:TwoSampleTest")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(__name__, {"StatisticEvidence": "_base", "TwoSampleTest": "_base"})
