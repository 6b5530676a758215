"""Metrics that are functions of sums over samples, so that samples need not be stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from twoplayer.metrics._base import ReferenceFeatures
from twoplayer.metrics._sums import Sums

__all__ = ["Additive"]

S = TypeVar("S", bound=Sums)


class Additive(ABC, Generic[S]):
    """The capability of a metric to be computed from sums over samples."""

    @property
    @abstractmethod
    def sums(self) -> type[S] | None:
        """The class of the sums; None where the options of this metric need the samples themselves."""

    @abstractmethod
    def of_sums(self, samples: S, real: S | ReferenceFeatures | None) -> float:
        """The value for sums of numpy arrays; `real` is None where there are no real samples."""
