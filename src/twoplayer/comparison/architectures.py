"""Random architectures, and who can be trained on them: the robustness experiment of the WGAN-GP paper.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", section 5.1, tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoplayer.core.registry import family
from twoplayer.core.rng import numpy_generator

__all__ = ["SETS", "THRESHOLDS", "Tally", "architecture", "tallies", "thresholds"]

SETS: dict[str, Sequence[Any]] = {
    "activation": ("relu", "leaky-relu", "softplus", "tanh"),
    "depth": (4, 8, 12, 20),
    "normalization": ("batch", "none"),
    "filters": (32, 64, 128),
}
"""Table 1 of the paper: each player draws from each of them; softplus is softplus(2x + 2)/2 − 1."""
THRESHOLDS = (1.0, 3.0, 5.0, 7.0, 9.0)
"""Least inception scores, table 2 of the paper."""


def architecture(index: int, config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of both players of random architecture number `index`, the same for every method.

    In a critic whose slope a penalty sets, layer normalization stands where batch normalization is drawn, as in the
    paper. What `given` settings fix already is not drawn: ``filters``, ``networks.filters`` or ``critic.filters``.
    """
    random = numpy_generator(0, "architecture", index)
    drawn: dict[str, Any] = {}
    for player in ("generator", "critic"):
        for option, choices in SETS.items():
            choice = choices[int(random.integers(len(choices)))]  # drawn even where it is not used
            if not any(name in given for name in (option, f"networks.{option}", f"{player}.{option}")):
                drawn[f"{player}.{option}"] = choice
    if drawn.get("critic.normalization") == "batch" and _sets_slopes(config):
        drawn["critic.normalization"] = "layer"
    return drawn


def _sets_slopes(config: Mapping[str, Any]) -> bool:
    rules = [family("regularizers").find(name) for name in config["regularizers"]]
    return any(getattr(rule, "fights_batch_statistics", False) for rule in rules)


@dataclass(frozen=True)
class Tally:
    """On how many architectures a score was reached: by the first method alone, the second alone, both, neither."""

    threshold: float
    only_first: int
    only_second: int
    both: int
    neither: int


def thresholds(scores: Sequence[float], higher_is_better: bool, name: str) -> tuple[float, ...]:
    """The paper's for an inception score; else five levels, evenly from the worst finite score to the best."""
    if name.startswith("inception_score"):
        return THRESHOLDS
    finite = sorted(s for s in scores if abs(s) < float("inf"))
    if not finite:
        return ()
    worst, best = (finite[0], finite[-1]) if higher_is_better else (finite[-1], finite[0])
    return tuple(float(f"{worst + (best - worst) * share:.3g}") for share in (0.0, 0.25, 0.5, 0.75, 1.0))


def tallies(
    first: Mapping[str, float], second: Mapping[str, float], levels: Sequence[float], higher_is_better: bool
) -> list[Tally]:
    """One row for each level, over the architectures that both methods were tried on.

    A run without a score, such as one that diverged, has NaN, which reaches no level.
    """
    tried = [name for name in first if name in second]

    def reached(score: float, level: float) -> bool:
        return score >= level if higher_is_better else score <= level

    rows = []
    for level in levels:
        pairs = [(reached(first[name], level), reached(second[name], level)) for name in tried]
        counts = [pairs.count(pair) for pair in ((True, False), (False, True), (True, True), (False, False))]
        rows.append(Tally(level, *counts))
    return rows
