"""Parallel segments: KL is infinite, JSD is log 2, and only the Wasserstein distance depends on their distance

Source: Arjovsky et al. 2017, "Wasserstein GAN", example 1 and figure 1.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.core.rng import numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import critic_outputs, fit_critic, small_critic, to_tensor
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.fgan_kl import FganKL
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers.gradient_penalty import GradientPenalty

__all__ = ["ParallelSegments"]

SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SAMPLES = 4096


class ParallelSegments(Demonstration):
    """Exact divergences between the segments (0, U[0, 1]) and (θ, U[0, 1]), and the estimates of trained critics.

    Args:
        steps: Steps of each critic, at least 1. Default 300.
    """

    statement: ClassVar[str] = (
        "For p = (0, U[0, 1]) and q = (θ, U[0, 1]) with θ ≠ 0: KL = ∞ both ways, JSD = log 2, W₁ = |θ|; at θ = 0 all "
        "are 0. Only W₁ is continuous in θ, so only W₁ gives the generator a gradient."
    )

    def __init__(self, *, steps: Count = 300) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        rows = [self._row(shift, result.seed) for shift in SHIFTS]
        result.add_table(
            "Exact divergence, and what a trained critic estimates of it",
            ("θ", "KL", "estimate", "JSD", "estimate", "W₁", "estimate"),
            [
                (r["shift"], r["kl"], r["kl estimate"], r["jsd"], r["jsd estimate"], r["w"], r["w estimate"])
                for r in rows
            ],
            note=f"Estimates on {SAMPLES:,} new samples after {self.steps} critic steps: f-GAN's KL critic, the "
            "original GAN's critic, and a Wasserstein critic under gradient penalty, which is steeper than 1 in "
            "places, so that its estimate may exceed W₁.",
        )
        result.add_figure("The critics' estimates as θ varies", _curves(rows), caption=_CAPTION)
        self._exact(result, rows)
        self._learned(result, rows)
        self._slopes(result)

    def _row(self, shift: float, seed: int) -> dict[str, float]:
        p, q = _segment(0.0), _segment(shift)
        row = {
            "shift": shift,
            "kl": theory.kl(p, q),
            "reverse kl": theory.reverse_kl(p, q),
            "jsd": theory.jensen_shannon(p, q),
            "w": theory.wasserstein(p, q),
        }
        players = {"kl": (FganKL(), ()), "jsd": (NonSaturating(), ()), "w": (Wasserstein(), (GradientPenalty(),))}
        for name, (objective, regularizers) in players.items():
            critic = small_critic(2, seed=seed, filters=64, depth=2)
            fit_critic(
                critic,
                objective,
                p,
                q,
                steps=self.steps,
                regularizers=regularizers,
                batch_size=256,
                learning_rate=3e-3,
                seed=seed,
            )
            random = numpy_generator(seed, "estimate")
            real, fake = (to_tensor(critic_outputs(critic, d.sample(SAMPLES, random))).double() for d in (p, q))
            row[f"{name} estimate"] = float(objective.estimate(real, fake))
        return row

    def _exact(self, result: DemonstrationResult, rows: list[dict[str, float]]) -> None:
        disjoint = [r for r in rows if r["shift"]]
        equal = next(r for r in rows if not r["shift"])
        least = min(r[k] for r in disjoint for k in ("kl", "reverse kl"))
        result.check_equal("least exact KL of either way, θ ≠ 0", least, math.inf, within=0)
        worst = max(disjoint, key=lambda r: abs(r["jsd"] - math.log(2)))
        result.check_equal("exact JSD farthest from log 2, θ ≠ 0", worst["jsd"], math.log(2), within=1e-12)
        result.check_equal("greatest | W₁ − |θ| |", max(abs(r["w"] - abs(r["shift"])) for r in rows), 0, within=1e-12)
        result.check_equal(
            "everything at θ = 0", max(equal[k] for k in ("kl", "reverse kl", "jsd", "w")), 0, within=1e-12
        )

    def _learned(self, result: DemonstrationResult, rows: list[dict[str, float]]) -> None:
        disjoint = [r for r in rows if r["shift"]]
        equal = next(r for r in rows if not r["shift"])
        result.check_at_least("least learned JSD, θ ≠ 0", min(r["jsd estimate"] for r in disjoint), 0.95 * math.log(2))
        result.check_equal("learned JSD at θ = 0", equal["jsd estimate"], 0, within=0.03)
        error = max(abs(r["w estimate"] - abs(r["shift"])) for r in rows)
        result.check_equal("greatest error of the learned W₁", error, 0, within=0.1)
        result.check_at_least(
            "least learned KL, θ ≠ 0 (the exact value is infinite)", min(r["kl estimate"] for r in disjoint), 5
        )

    def _slopes(self, result: DemonstrationResult) -> None:
        step = 1e-3
        jsd = [theory.jensen_shannon(_segment(0), _segment(t)) for t in (0.5 - step, 0.5 + step)]
        w = [theory.wasserstein(_segment(0), _segment(t)) for t in (0.5 - step, 0.5 + step)]
        result.check_equal("∂JSD/∂θ at θ = ½: no gradient", (jsd[1] - jsd[0]) / (2 * step), 0, within=1e-9)
        result.check_equal("∂W₁/∂θ at θ = ½", (w[1] - w[0]) / (2 * step), 1, within=1e-9)


_CAPTION = (
    "Left: JSD, exact (line) and as the original GAN's critic estimates it (squares): flat at log 2 but for θ = 0. "
    "Right: W₁, exact and as a gradient-penalized Wasserstein critic estimates it: a gradient towards 0 "
    "everywhere."
)


def _segment(shift: float) -> Any:
    return theory.Segment((shift, 0.0), (shift, 1.0))


def _curves(rows: list[dict[str, float]]) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.0)
    fine = np.linspace(-1, 1, 201)
    shifts = [r["shift"] for r in rows]
    left.plot(fine, np.where(np.abs(fine) < 1e-9, 0, math.log(2)), label="exact")
    left.plot(shifts, [r["jsd estimate"] for r in rows], "s", color="#c65300", label="critic's estimate")
    left.set(title="Jensen-Shannon", xlabel="θ", ylabel="nats")
    right.plot(fine, np.abs(fine), label="exact")
    right.plot(shifts, [r["w estimate"] for r in rows], "s", color="#c65300", label="critic's estimate")
    right.set(title="Wasserstein-1", xlabel="θ", ylabel="distance")
    for panel in (left, right):
        panel.legend(loc="center right" if panel is left else "upper center")
    return figure
