"""V(G, D*) = −log 4 + 2·JSD along a path of generators, with its least value −log 4 at the data

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
from twoplayer.lab._lab_game import fit_critic, masses, scores, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.minimax import Minimax
from twoplayer.pages.plot_style import sheet

__all__ = ["ValueAndJSD"]

DATA = theory.Gaussian(0.0, 1.0)
PLACES = np.linspace(-4, 4, 33)
LEARNED = (-4.0, -1.0, 0.0, 1.0, 2.0)


class ValueAndJSD(Demonstration):
    """Generators N(θ, 1) before data N(0, 1): the value at the exact optimal critic, and at critics that learned."""

    statement: ClassVar[str] = (
        "At the optimal critic the minimax value is V(G, D*) = −log 4 + 2·JSD(p, q). It is least where the generator "
        "is the data's distribution, and there it is −log 4 = −1.386; any other critic gives less."
    )

    def __init__(self, *, steps: Count = 400) -> None:
        self.steps = steps

    def show(self, findings: DemonstrationResult) -> None:
        values = [_value_at_optimum(place) for place in PLACES]
        divergences = [theory.jensen_shannon(DATA, theory.Gaussian(place, 1.0)) for place in PLACES]
        learned = {place: self._learned_value(place, findings.seed) for place in LEARNED}
        claims = [-math.log(4) + 2 * d for d in divergences]
        at = dict(zip(PLACES.tolist(), values, strict=True))
        findings.picture("The value along the path", _curves(values, divergences, learned), caption=_CAPTION)
        findings.table(
            "The value and the divergence",
            ("θ", "V(G, D*)", "−log 4 + 2·JSD", "V at a learned critic"),
            [(t, at[t], claims[PLACES.tolist().index(t)], learned[t]) for t in LEARNED],
            note="Values by quadrature in float64; the learned critics' too.",
        )
        off = max(abs(v - c) for v, c in zip(values, claims, strict=True))
        findings.equal("greatest | V(G, D*) − (−log 4 + 2·JSD) |", off, 0, within=1e-9)
        findings.equal("where the value is least", float(PLACES[int(np.argmin(values))]), 0.0, within=1e-12)
        findings.equal("least value", min(values), -math.log(4), within=1e-9)
        findings.at_most(
            "learned value above the optimal one", max(learned[t] - at[t] for t in LEARNED), 0, within=1e-9
        )
        findings.at_most("learned value short of the optimal one", max(at[t] - learned[t] for t in LEARNED), 0.02)

    def _learned_value(self, place: float, seed: int) -> float:
        critic = small_critic(1, seed=seed, filters=64, activation="softplus")
        fit_critic(critic, Minimax(), DATA, theory.Gaussian(place, 1.0), steps=self.steps, rate=5e-3, seed=seed)
        return _value(place, lambda points: torch.as_tensor(scores(critic, points)))


_CAPTION = (
    "The value at the optimal critic (line) lies on −log 4 + 2·JSD (crosses), is least at θ = 0 with −log 4 (dashed), "
    "and levels off at 0 where the two distributions no longer overlap; learned critics (squares) stay just below it."
)


def _value_at_optimum(place: float) -> float:
    q = theory.Gaussian(place, 1.0)
    return _value(
        place,
        lambda points: Minimax().optimal_output(torch.as_tensor(DATA.log_density(points) - q.log_density(points))),
    )


def _value(place: float, critic: Any) -> float:
    """V(G, D) by quadrature: E_p log σ(D) + E_q log(1 − σ(D)), for a critic on points ``(N, 1)``."""
    q = theory.Gaussian(place, 1.0)
    grid = theory.grid(DATA, q)
    output = critic(grid.points).numpy()
    p_mass, q_mass = (mass.numpy() for mass in masses(grid, DATA, q))
    return float(-(p_mass * np.logaddexp(0, -output)).sum() - (q_mass * np.logaddexp(0, output)).sum())


def _curves(values: list[float], divergences: list[float], learned: dict[float, float]) -> Any:
    figure, (axes,) = sheet(height=3.4)
    axes.plot(PLACES, values, label="V(G, D*)")
    axes.plot(PLACES, [-math.log(4) + 2 * d for d in divergences], "x", color="#c65300", label="−log 4 + 2·JSD")
    axes.plot(list(learned), list(learned.values()), "s", color="#00805c", markersize=5, label="V at a learned critic")
    axes.axhline(-math.log(4), color="#68655e", linestyle="--", linewidth=1)
    axes.text(4.05, -math.log(4) + 0.03, "−log 4", ha="right")
    axes.set(xlabel="θ, the generator's mean", ylabel="nats")
    axes.legend()
    return figure
