"""The root of the lab: a statement of the theory and the computation that tests it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from twoplayer.lab._result import DemonstrationResult

__all__ = ["Demonstration"]


class Demonstration(ABC):
    """One statement of the theory and the computation that tests it.

    The module's docstring holds the title and the source; options of the constructor set sizes and numbers of steps.
    """

    statement: ClassVar[str]
    """The claim, in one or two sentences with its formula."""

    @abstractmethod
    def run(self, result: DemonstrationResult) -> None:
        """Compute, and add text, tables, figures and checks to the result, in reading order.

        Args:
            result: The result to fill. All randomness derives from ``result.seed``; at least one check must be added,
                since the verdict is computed from the checks.
        """
