"""Metrics that follow from sums over samples, so that no sample need be kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from twoplayer.metrics._base import ReferenceFeatures
from twoplayer.metrics._sums import Sums

__all__ = ["Additive"]

S = TypeVar("S", bound=Sums)


class Additive(ABC, Generic[S]):
    """A metric whose value follows from sums, so that samples need not be kept."""

    @property
    @abstractmethod
    def sums(self) -> type[S] | None:
        """What to sum; None where the options at hand need the samples themselves."""

    @abstractmethod
    def of_sums(self, samples: S, real: S | ReferenceFeatures | None) -> float:
        """The value, of sums that hold numpy arrays; `real` is None where no real samples are known."""
