"""The records of what a detector of diseases finds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass


__all__ = ["Advice", "FailureCase", "FailureFinding", "Indicator", "Unavailable"]

SURE = 0.49
"""Confidence runs from 0.5 - this to 0.5 + this: what was measured is never certain."""
TINY = 1e-30


class Unavailable(Exception):
    """Something cannot be known of this run; the message is a clause that says why."""


@dataclass(frozen=True)
class Indicator:
    """One number that speaks for a disease, or against it.

    `threshold` parts the healthy from the sick, and `certain` is where runs made sick on purpose
    (``experiments/diagnose``) lie; with `certain` below `threshold` small values are the bad ones.
    """

    name: str
    value: float
    threshold: float
    certain: float
    healthy: str
    """The range of healthy runs, in words."""
    logarithmic: bool = False

    @property
    def confidence(self) -> float:
        """0.5 at the threshold, 0.99 at `certain` and beyond, 0.01 as far on the healthy side; linear between.

        Linear in the logarithm for quantities that span orders of magnitude.
        """
        if math.isnan(self.value):
            return 0.5 - SURE
        value, threshold, certain = (self._scaled(x) for x in (self.value, self.threshold, self.certain))
        return 0.5 + SURE * min(1.0, max(-1.0, (value - threshold) / (certain - threshold)))

    @property
    def present(self) -> bool:
        return self.confidence > 0.5

    @property
    def demand(self) -> str:
        """What the value must be to speak for the disease: ``above 0.5``."""
        return f"{'above' if self.certain > self.threshold else 'below'} {self.threshold:g}"

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name, "value": self.value, "sick": self.demand, "healthy": self.healthy,
            "confidence": round(self.confidence, 3),
        }  # fmt: skip

    def _scaled(self, x: float) -> float:
        return math.log(max(x, TINY)) if self.logarithmic else x


@dataclass(frozen=True)
class Advice:
    """What to try next: settings to change, or the data to repair, and why."""

    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By their flags' names without dashes in front: ``learning-rate``, ``critic.normalization``."""
    without: tuple[str, ...] = ()
    """Flags to leave out that the run was given, such as options of a part that is replaced."""
    data: str | None = None
    """The repaired data as a numpy expression of ``x``, all the samples in the form in which they are stored."""


@dataclass(frozen=True)
class FailureCase:
    """One way to have a disease: every one of its signs must be present."""

    verdict: str
    signs: tuple[Indicator, ...]
    advice: Advice
    beside: tuple[Indicator, ...] = ()
    """Further numbers that a person wants to see with it; they decide nothing."""

    @property
    def confidence(self) -> float:
        """That of the weakest sign."""
        return min(sign.confidence for sign in self.signs)


@dataclass(frozen=True)
class FailureFinding:
    """A disease that a run has."""

    disease: str
    title: str
    verdict: str
    confidence: float
    """In (0.5, 0.99]: of the weakest sign it needs, 0.5 at that sign's threshold, 0.99 where runs made sick lie."""
    severity: int
    evidence: tuple[Indicator, ...]
    advice: str
    command: str
    """What to try next, to be pasted."""
    as_for: str | None = None
    """A worse disease of the run whose advice this is too, command and all."""
    picture: Path | None = None

    def document(self) -> dict[str, Any]:
        """The finding as plain values."""
        return {
            "disease": self.disease, "title": self.title, "verdict": self.verdict,
            "confidence": round(self.confidence, 3), "evidence": [sign.document() for sign in self.evidence],
            "picture": self.picture, "advice": self.advice, "command": self.command, "as_for": self.as_for,
        }  # fmt: skip
