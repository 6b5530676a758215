"""Random architectures, and the number of them that a method can train: the robustness experiment of WGAN-GP.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", section 5.1, tables 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoplayer.core.registry import family
from twoplayer.core.rng import numpy_generator

__all__ = ["CHOICES", "INCEPTION_THRESHOLDS", "SuccessCounts", "random_architecture", "success_counts", "thresholds"]

CHOICES: dict[str, Sequence[Any]] = {
    "activation": ("relu", "leaky-relu", "softplus", "tanh"),
    "depth": (4, 8, 12, 20),
    "normalization": ("batch", "none"),
    "filters": (32, 64, 128),
}
"""Table 1 of the paper: the values that each player draws from; softplus is softplus(2x + 2)/2 − 1."""
INCEPTION_THRESHOLDS = (1.0, 3.0, 5.0, 7.0, 9.0)
"""Inception scores that count as a success, table 2 of the paper."""
THRESHOLD_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Thresholds of another metric, between its worst and its best value."""


def random_architecture(index: int, config: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of both players of random architecture number `index`, the same for every method.

    In a critic with a penalty on the gradient at each sample, layer normalization replaces batch normalization, as in
    the paper.

    Args:
        index: from 0 on.
        config: the method's settings, with its ``regularizers``.
        fixed: settings that are not drawn: ``filters``, ``networks.filters`` or ``critic.filters``.
    """
    random = numpy_generator(0, "architecture", index)
    drawn: dict[str, Any] = {}
    for player in ("generator", "critic"):
        for option, choices in CHOICES.items():
            choice = choices[int(random.integers(len(choices)))]  # drawn even if unused: the others stay the same
            if not any(name in fixed for name in (option, f"networks.{option}", f"{player}.{option}")):
                drawn[f"{player}.{option}"] = choice
    regularizers = [family("regularizers").find(name) for name in config["regularizers"]]
    per_sample = any(getattr(regularizer, "fights_batch_statistics", False) for regularizer in regularizers)
    if drawn.get("critic.normalization") == "batch" and per_sample:
        drawn["critic.normalization"] = "layer"
    return drawn


@dataclass(frozen=True)
class SuccessCounts:
    """The number of architectures on which a threshold was reached: by one method only, by both, by neither."""

    threshold: float
    only_first: int
    only_second: int
    both: int
    neither: int


def thresholds(scores: Sequence[float], higher_is_better: bool, name: str) -> tuple[float, ...]:
    """The paper's thresholds for an inception score; else five, evenly from the worst finite score to the best.

    >>> thresholds([0.0, 4.0, float("nan")], False, "fd_pixels_10k")
    (4.0, 3.0, 2.0, 1.0, 0.0)
    """
    if name.startswith("inception_score"):
        return INCEPTION_THRESHOLDS
    finite = sorted(s for s in scores if math.isfinite(s))
    if not finite:
        return ()
    worst, best = (finite[0], finite[-1]) if higher_is_better else (finite[-1], finite[0])
    return tuple(float(f"{worst + (best - worst) * share:.3g}") for share in THRESHOLD_SHARES)


def success_counts(
    first: Mapping[str, float], second: Mapping[str, float], levels: Sequence[float], higher_is_better: bool
) -> list[SuccessCounts]:
    """One record for each threshold, over the architectures that both methods were trained on.

    Args:
        first: scores of the first method by architecture; NaN for a run without a score, such as one that diverged,
            which reaches no threshold.
        second: scores of the second method.
        levels: the thresholds.
        higher_is_better: whether a score reaches a threshold from above.
    """
    shared = [name for name in first if name in second]

    def reached(score: float, level: float) -> bool:
        return score >= level if higher_is_better else score <= level

    rows = []
    for level in levels:
        pairs = [(reached(first[name], level), reached(second[name], level)) for name in shared]
        counts = [pairs.count(pair) for pair in ((True, False), (False, True), (True, True), (False, False))]
        rows.append(SuccessCounts(level, *counts))
    return rows
