"""The family of metrics: one file each, discovered by name; `twoplayer.measurement` takes all that apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twoplayer.core.registry import Family, lazy_attributes

if TYPE_CHECKING:
    from twoplayer.metrics._base import Estimate as Estimate
    from twoplayer.metrics._base import FeatureSet as FeatureSet
    from twoplayer.metrics._base import Metric as Metric
    from twoplayer.metrics._base import MetricValue as MetricValue
    from twoplayer.metrics._base import Modes as Modes
    from twoplayer.metrics._base import ReferenceFeatures as ReferenceFeatures
    from twoplayer.metrics._base import ReferenceParts as ReferenceParts

__all__ = [
    "Estimate",
    "FeatureSet",
    "Metric",
    "MetricValue",
    "Modes",
    "ReferenceFeatures",
    "ReferenceParts",
    "create",
    "describe",
    "family",
    "names",
]

family = Family(__name__, root="twoplayer.metrics._base:Metric")
names, create, describe = family.names, family.create, family.describe
__getattr__ = lazy_attributes(
    __name__,
    {
        "Estimate": "_base",
        "FeatureSet": "_base",
        "Metric": "_base",
        "MetricValue": "_base",
        "Modes": "_base",
        "ReferenceFeatures": "_base",
        "ReferenceParts": "_base",
    },
)
