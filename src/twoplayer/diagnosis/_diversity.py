"""How wide the samples of a run lie: a generator that never was diverse has not collapsed, it has not begun."""

from __future__ import annotations

import math
from collections.abc import Iterable

from twoplayer.diagnosis._rolling_median import RollingMedian

__all__ = ["WINDOW", "YOUNG", "growing", "lost", "spread", "widths"]

WIDE = 0.5
"""Share of the data's width at which samples are diverse."""
GONE = 0.05
"""Share of its own peak below which a diversity is gone, however small it was."""
YOUNG = 500
"""Rounds in which a generator that never was diverse may be a beginner.

The slowest of 45 healthy runs of ten methods on images passed a fifth of the data's width in its round 255.
"""
GROWING = 1.1
"""How many times its width half the way back a generator has that is about to become diverse."""
WINDOW = 20
"""Lines of a log whose median counts."""


def widths(deviations: Iterable[float], width: float) -> RollingMedian:
    """Logged deviations over the data's width, by medians over as many lines as there are where there are few."""
    shares = [x / width if width > 0 else math.nan for x in deviations]
    trail = RollingMedian(max(1, min(WINDOW, len(shares))))
    for share in shares:
        trail.hear(share)
    return trail


def spread(trail: RollingMedian) -> bool:
    """Whether the samples ever were diverse."""
    return trail.peak >= WIDE


def lost(trail: RollingMedian) -> bool:
    """Whether samples are a sliver of what they were, diverse or not."""
    return trail.now < GONE * trail.peak


def growing(trail: RollingMedian) -> bool:
    """Whether samples are wider than they were half the way back."""
    return trail.now > GROWING * trail.halfway
