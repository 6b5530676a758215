"""The root of the lab: what a demonstration promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from twoplayer.lab._result import DemonstrationResult

__all__ = ["Demonstration"]


class Demonstration(ABC):
    """One statement of the theory and the computation that puts it to the test.

    The module's docstring gives title and source; options in the constructor set sizes and shapes.
    """

    statement: ClassVar[str]
    """What is claimed, in one or two sentences with its formula."""

    @abstractmethod
    def show(self, findings: DemonstrationResult) -> None:
        """Compute, and put into `findings` the words, tables, pictures and checks, in the order to be read.

        All randomness comes from `findings.seed`. The verdict is the checks': at least one must be made.
        """
