"""The diversity of a run's samples over training: the width of the samples over the width of the data.

A generator whose samples were never diverse has not collapsed: it may not have learned yet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from twoplayer.diagnosis._rolling_median import RollingMedian

__all__ = ["MIN_STEPS", "WINDOW_LINES", "is_growing", "lost_diversity", "was_diverse", "width_medians"]

DIVERSE_WIDTH = 0.5
"""Share of the data's width from which on samples count as diverse."""
LOST_SHARE = 0.05
"""Share of its own peak below which a diversity counts as lost, however small the peak was."""
MIN_STEPS = 500
"""Steps before which a generator whose samples were never diverse may still be at its beginning.

The slowest of 45 normal runs of ten methods on images passed a fifth of the data's width in step 255.
"""
GROWTH_FACTOR = 1.1
"""Width over that in the middle of the log from which on the samples count as still spreading."""
WINDOW_LINES = 20
"""Lines of the log per median."""


def width_medians(deviations: Iterable[float], width: float) -> RollingMedian:
    """Medians of the samples' relative width; over fewer than `WINDOW_LINES` lines where there are fewer.

    Args:
        deviations: root mean square distance of the samples from their mean, one per line of the log.
        width: the same of the training data.
    """
    shares = [x / width if width > 0 else math.nan for x in deviations]
    medians = RollingMedian(max(1, min(WINDOW_LINES, len(shares))))
    for share in shares:
        medians.append(share)
    return medians


def was_diverse(medians: RollingMedian) -> bool:
    """Whether the samples were diverse at any time."""
    return medians.peak >= DIVERSE_WIDTH


def lost_diversity(medians: RollingMedian) -> bool:
    """Whether the current width is a small share of the largest one."""
    return medians.current < LOST_SHARE * medians.peak


def is_growing(medians: RollingMedian) -> bool:
    """Whether the samples are wider than in the middle of the log."""
    return medians.current > GROWTH_FACTOR * medians.halfway
