"""The root of the disease family: what a detector promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from twoplayer.diagnosis._base import FailureCase
from twoplayer.diagnosis._run_context import RunContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FailureMode"]


class FailureMode(ABC):
    """A detector. The module's docstring gives title and source; thresholds are constants of the module."""

    severity: ClassVar[int]
    """3: nothing that comes out can be used; 2: what comes out is worse than it need be; 1: it may become so."""
    outshines: ClassVar[tuple[str, ...]] = ()
    """Diseases that need not be told where this one is."""

    @abstractmethod
    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        """The ways in which this run may have the disease, measured; none where it cannot have it.

        Raises `Unavailable` where something that is needed is not to be had.
        """

    @abstractmethod
    def picture(self, patient: RunContext) -> Figure:
        """What shows the disease, for a run that has it."""
