"""V(G, D*) = −log 4 + 2·JSD along a path of generators, minimal, −log 4, where the generator is the data's distribution

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", theorem 1, eq. 4 to 6.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import critic_outputs, fit_critic, quadrature_weights, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.minimax import Minimax
from twoplayer.pages.plot_style import new_figure

__all__ = ["ValueAndJSD"]

DATA = theory.Gaussian(0.0, 1.0)
MEANS = np.linspace(-4, 4, 33)
LEARNED_MEANS = (-4.0, -1.0, 0.0, 1.0, 2.0)


class ValueAndJSD(Demonstration):
    """Generators N(θ, 1) for data N(0, 1): the value at the optimal critic, and at trained critics.

    Args:
        steps: Steps of each critic, at least 1. Default 400.
    """

    statement: ClassVar[str] = (
        "At the optimal critic the minimax value is V(G, D*) = −log 4 + 2·JSD(p, q). It is least where the generator "
        "is the data's distribution, and there it is −log 4 = −1.386; any other critic gives less."
    )

    def __init__(self, *, steps: Count = 400) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        values = [_value_at_optimum(mean) for mean in MEANS]
        divergences = [theory.jensen_shannon(DATA, theory.Gaussian(mean, 1.0)) for mean in MEANS]
        learned = {mean: self._learned_value(mean, result.seed) for mean in LEARNED_MEANS}
        predicted = [-math.log(4) + 2 * d for d in divergences]
        value_at = dict(zip(MEANS.tolist(), values, strict=True))
        result.add_figure("The value along the path", _curves(values, divergences, learned), caption=_CAPTION)
        result.add_table(
            "The value and the divergence",
            ("θ", "V(G, D*)", "−log 4 + 2·JSD", "V at a learned critic"),
            [(t, value_at[t], predicted[MEANS.tolist().index(t)], learned[t]) for t in LEARNED_MEANS],
            note="Values by quadrature in float64; the learned critics' too.",
        )
        error = max(abs(v - c) for v, c in zip(values, predicted, strict=True))
        result.check_equal("greatest | V(G, D*) − (−log 4 + 2·JSD) |", error, 0, within=1e-9)
        result.check_equal(
            "mean at which the value is minimal", float(MEANS[int(np.argmin(values))]), 0.0, within=1e-12
        )
        result.check_equal("least value", min(values), -math.log(4), within=1e-9)
        result.check_at_most(
            "learned value above the optimal one", max(learned[t] - value_at[t] for t in LEARNED_MEANS), 0, within=1e-9
        )
        result.check_at_most(
            "optimal value above the learned one", max(value_at[t] - learned[t] for t in LEARNED_MEANS), 0.02
        )

    def _learned_value(self, mean: float, seed: int) -> float:
        critic = small_critic(1, seed=seed, filters=64, activation="softplus")
        fit_critic(critic, Minimax(), DATA, theory.Gaussian(mean, 1.0), steps=self.steps, learning_rate=5e-3, seed=seed)
        return _value(mean, lambda points: torch.as_tensor(critic_outputs(critic, points)))


_CAPTION = (
    "The value at the optimal critic (line) lies on −log 4 + 2·JSD (crosses), is least at θ = 0 with −log 4 (dashed), "
    "and levels off at 0 where the two distributions no longer overlap; learned critics (squares) stay just below it."
)


def _value_at_optimum(mean: float) -> float:
    q = theory.Gaussian(mean, 1.0)
    return _value(
        mean,
        lambda points: Minimax().optimal_output(torch.as_tensor(DATA.log_density(points) - q.log_density(points))),
    )


def _value(mean: float, critic: Any) -> float:
    """V(G, D) by quadrature: E_p log σ(D) + E_q log(1 − σ(D)), for a critic on points ``(N, 1)``."""
    q = theory.Gaussian(mean, 1.0)
    grid = theory.grid(DATA, q)
    output = critic(grid.points).numpy()
    p_mass, q_mass = (mass.numpy() for mass in quadrature_weights(grid, DATA, q))
    return float(-(p_mass * np.logaddexp(0, -output)).sum() - (q_mass * np.logaddexp(0, output)).sum())


def _curves(values: list[float], divergences: list[float], learned: dict[float, float]) -> Any:
    figure, (axes,) = new_figure(height=3.4)
    axes.plot(MEANS, values, label="V(G, D*)")
    axes.plot(MEANS, [-math.log(4) + 2 * d for d in divergences], "x", color="#c65300", label="−log 4 + 2·JSD")
    axes.plot(list(learned), list(learned.values()), "s", color="#00805c", markersize=5, label="V at a learned critic")
    axes.axhline(-math.log(4), color="#68655e", linestyle="--", linewidth=1)
    axes.text(4.05, -math.log(4) + 0.03, "−log 4", ha="right")
    axes.set(xlabel="θ, the generator's mean", ylabel="nats")
    axes.legend()
    return figure
