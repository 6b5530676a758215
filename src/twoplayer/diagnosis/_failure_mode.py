"""The root of the family: what the detector of a failure mode implements."""

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
    """A detector of one failure mode.

    The docstring of a member's module gives its title and source; its thresholds are constants of the module, in pairs
    of the threshold itself and the value at which the failure is certain.
    """

    severity: ClassVar[int]
    """3: the samples are unusable; 2: the samples are worse than need be; 1: the samples may become worse."""
    supersedes: ClassVar[tuple[str, ...]] = ()
    """Failure modes that are not reported where this one is."""

    @abstractmethod
    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        """Measure the ways in which this run may show the failure mode; none where it cannot show it.

        Args:
            context: the run under examination.

        Raises:
            Unavailable: if something that the measurement needs cannot be read or computed.
        """

    @abstractmethod
    def picture(self, context: RunContext) -> Figure:
        """Draw the evidence, for a run that shows the failure mode."""
