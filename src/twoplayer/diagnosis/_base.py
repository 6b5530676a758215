"""The records that a failure mode's detector returns: indicators, cases, findings and advice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Advice", "FailureCase", "FailureFinding", "Indicator", "Unavailable"]

MAX_CONFIDENCE_OFFSET = 0.49
"""Confidence lies in [0.5 - this, 0.5 + this]: a measurement is never certain."""
SMALLEST_LOG_ARGUMENT = 1e-30


class Unavailable(Exception):
    """A quantity cannot be measured on this run; the message is a clause that gives the reason."""


@dataclass(frozen=True)
class Indicator:
    """One measured number that is evidence for or against a failure mode.

    Args:
        name: what was measured, in words.
        value: the measured number; NaN counts as evidence against the failure mode.
        threshold: the value that separates normal runs from failing ones (confidence 0.5).
        certain_at: the value that runs reach in which the failure was provoked on purpose (``experiments/diagnose``;
            confidence 0.99). With `certain_at` below `threshold` small values indicate the failure.
        normal_range: the range of normal runs, in words.
        logarithmic: whether confidence is linear in the logarithm, for quantities that span orders of magnitude.

    >>> Indicator("share of missing modes", 0.75, threshold=0.5, certain_at=1.0, normal_range="0").confidence
    0.745
    """

    name: str
    value: float
    threshold: float
    certain_at: float
    normal_range: str
    logarithmic: bool = False

    @property
    def confidence(self) -> float:
        """0.5 at `threshold`, 0.99 at `certain_at` and beyond, 0.01 as far on the other side; linear in between."""
        if math.isnan(self.value):
            return 0.5 - MAX_CONFIDENCE_OFFSET
        value, threshold, certain_at = (self._scaled(x) for x in (self.value, self.threshold, self.certain_at))
        return 0.5 + MAX_CONFIDENCE_OFFSET * min(1.0, max(-1.0, (value - threshold) / (certain_at - threshold)))

    @property
    def present(self) -> bool:
        """Whether the value lies on the failing side of the threshold."""
        return self.confidence > 0.5

    @property
    def criterion(self) -> str:
        """The range that indicates the failure mode, in words: ``above 0.5``."""
        return f"{'above' if self.certain_at > self.threshold else 'below'} {self.threshold:g}"

    def document(self) -> dict[str, Any]:
        """The indicator as plain values."""
        return {
            "name": self.name, "value": self.value, "criterion": self.criterion, "normal_range": self.normal_range,
            "confidence": round(self.confidence, 3),
        }  # fmt: skip

    def _scaled(self, x: float) -> float:
        return math.log(max(x, SMALLEST_LOG_ARGUMENT)) if self.logarithmic else x


@dataclass(frozen=True)
class Advice:
    """What to try next: settings to change, or a repair of the data, and the reason."""

    reason: str
    """A clause, such as ``"smaller steps"``."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By the names of their flags without leading dashes: ``learning-rate``, ``critic.normalization``."""
    removed_flags: tuple[str, ...] = ()
    """Flags of the run's own command to leave out, such as options of a part that is replaced."""
    data: str | None = None
    """The repaired data as a numpy expression of ``x``, all samples in the form in which they are stored."""


@dataclass(frozen=True)
class FailureCase:
    """One way in which a run can show a failure mode: it does if every one of `indicators` is present."""

    verdict: str
    indicators: tuple[Indicator, ...]
    advice: Advice
    supplementary: tuple[Indicator, ...] = ()
    """Further indicators that are reported with the case and have no influence on it."""

    @property
    def confidence(self) -> float:
        """The least confidence of `indicators`."""
        return min(indicator.confidence for indicator in self.indicators)


@dataclass(frozen=True)
class FailureFinding:
    """A failure mode that a run shows."""

    failure_mode: str
    title: str
    verdict: str
    confidence: float
    """In (0.5, 0.99], of the weakest required indicator: 0.5 at its threshold, 0.99 where provoked failures lie."""
    severity: int
    indicators: tuple[Indicator, ...]
    """The required ones, then the supplementary ones."""
    advice: str
    command: str
    """What to try next, to be pasted."""
    same_advice_as: str | None = None
    """A more severe failure mode of the run that has the same advice and command."""
    picture: Path | None = None

    def document(self) -> dict[str, Any]:
        """The finding as plain values."""
        return {
            "failure_mode": self.failure_mode, "title": self.title, "verdict": self.verdict,
            "confidence": round(self.confidence, 3), "indicators": [i.document() for i in self.indicators],
            "picture": self.picture, "advice": self.advice, "command": self.command,
            "same_advice_as": self.same_advice_as,
        }  # fmt: skip
