"""The rule that ends a run: judgements of it in order, what is noise among them, and when nothing more was gained."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Judgement", "PatienceRule", "best", "counted", "noise"]

NORMAL = 0.6745
"""Median absolute deviation of a standard normal variable."""
RECENT = 8
"""Judgements from whose differences noise is told, or the last half of them where that is more."""


@dataclass(frozen=True)
class Judgement:
    """A criterion's value for a run at one moment; lower is better."""

    step: int
    images_seen: int
    seconds: float
    """Training time so far, without judging and measuring."""
    value: float
    error: float | None = None
    """Standard error of `value`, where the criterion knows it."""
    took: float = 0.0
    """Seconds that judging took."""

    @property
    def sound(self) -> bool:
        return math.isfinite(self.value)


def counted(judgements: Sequence[Judgement], *, from_peak: bool = False) -> list[Judgement]:
    """The judgements that count: all, or with `from_peak` those from the highest value on, that of step 0 left out.

    What rises before the peak is the judge's own learning.
    """
    trained = [j for j in judgements if j.step > 0]
    if not from_peak:
        return list(judgements)
    peak = max((j.value for j in trained if j.sound), default=None)
    return [] if peak is None else trained[next(i for i, j in enumerate(trained) if j.value == peak) :]


def best(judgements: Sequence[Judgement]) -> Judgement | None:
    """The judgement of the least value after step 0, the earliest of equal ones; None where none is a number."""
    return min((j for j in judgements if j.sound and j.step > 0), key=lambda j: (j.value, j.step), default=None)


def noise(judgements: Sequence[Judgement]) -> float:
    """Standard deviation of one judgement about its trend.

    The larger of two estimates: the criterion's own standard errors, which know only of sampling, and the scatter of
    successive differences, which knows also that a game never stands still: (median |d − median d|)/(0.6745·√2).
    """
    sound = [j for j in judgements if j.sound]
    recent = sound[-max(RECENT, len(sound) // 2) :]
    errors = [j.error for j in recent if j.error is not None and math.isfinite(j.error)]
    declared = statistics.median(errors) if errors else 0.0
    steps = [b.value - a.value for a, b in itertools.pairwise(recent)]
    if len(steps) < 3:
        return declared
    middle = statistics.median(steps)
    scatter = statistics.median(abs(d - middle) for d in steps) / NORMAL / math.sqrt(2)
    return max(declared, scatter)


@dataclass(frozen=True)
class PatienceRule:
    """A run ends when it has gone on for `patience` times the steps up to its last gain without another gain.

    A gain is a judgement below the last gain's by more than `margin` standard deviations of the difference of two
    judgements. Gains add up: a slow descent, each step of it within the noise, is a gain once it is as large. At least
    `least` judgements must follow the last gain. A run without any gain over its first judgement after step 0 has not
    begun to learn and goes on: any gray is better than what untrained networks make, and a critic with a gradient
    penalty can take a third of a budget before its generator gets beyond that.
    """

    patience: float = 0.5
    margin: float = 1.0
    least: int = 6

    def last_gain(self, judgements: Sequence[Judgement]) -> Judgement | None:
        """The last judgement that was better than all before it by more than noise."""
        needed = self.margin * math.sqrt(2) * noise(judgements)
        last: Judgement | None = None
        for judgement in judgements:
            if judgement.sound and (last is None or judgement.value < last.value - needed):
                last = judgement
        return last

    def over(self, judgements: Sequence[Judgement]) -> bool:
        """Whether nothing is to be gained any more."""
        gain = self.last_gain(judgements)
        begun = [j for j in judgements if j.sound and j.step > 0]
        if gain is None or gain.step == 0 or gain is begun[0]:
            return False
        after = sum(j.step > gain.step for j in judgements)
        return after >= self.least and judgements[-1].step >= (1 + self.patience) * gain.step
