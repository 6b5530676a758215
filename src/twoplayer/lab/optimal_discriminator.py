"""The optimal discriminator p/(p+q), learned by a network and compared with the exact one

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", proposition 1; the other objectives' optimal outputs
after Nowozin et al. 2016, "f-GAN", eq. 5, and Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import critic_outputs, fit_critic, quadrature_weights, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives._base import Objective
from twoplayer.objectives.fgan_kl import FganKL
from twoplayer.objectives.fgan_squared_hellinger import FganSquaredHellinger
from twoplayer.objectives.least_squares import LeastSquares
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import new_figure

__all__ = ["OptimalDiscriminator"]

OBJECTIVES: dict[str, type[Objective]] = {
    "non-saturating": NonSaturating,
    "least-squares": LeastSquares,
    "fgan-kl": FganKL,
    "fgan-squared-hellinger": FganSquaredHellinger,
}
MAX_LOG_RATIO = 4.0
"""Log density ratio beyond which errors are not counted: fewer than 2% of the samples lie there."""


@dataclass(frozen=True)
class Learned:
    """A critic's outputs on the grid, and the optimal ones, with the estimates of both."""

    output: Any
    optimal: Any
    estimate: float
    exact: float


class OptimalDiscriminator(Demonstration):
    """Critics of several objectives trained between two known densities on a line, and their optimal outputs.

    Args:
        steps: Steps of each critic, at least 1. Default 1000.
    """

    statement: ClassVar[str] = (
        "For a fixed generator the critic that maximizes V(G, D) is D*(x) = p(x)/(p(x) + q(x)), that is the logit log "
        "p(x)/q(x). Any objective that is a mean over samples, without a constraint on the critic's slope, has its "
        "own function of the density ratio as optimal output."
    )

    def __init__(self, *, steps: Count = 1000) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        p = theory.Mixture([0.5, 0.5], [theory.Gaussian(-1.5, 0.6), theory.Gaussian(1.5, 0.9)])
        q = theory.Gaussian(0.3, 1.6)
        grid = theory.grid(p, q)
        log_ratio = p.log_density(grid.points) - q.log_density(grid.points)
        mass, weights = (p.density(grid.points), q.density(grid.points)), quadrature_weights(grid, p, q)
        weight = (np.abs(log_ratio) < MAX_LOG_RATIO) * sum(mass) * grid.weights / 2
        learned_critics = {
            n: self._learn(kind(), p, q, log_ratio, grid, weights, result.seed) for n, kind in OBJECTIVES.items()
        }
        result.add_text(
            "The data have two modes, the generator's samples one wide mode. Each critic is a small fully connected "
            f"network, trained on {self.steps:,} batches of each side."
        )
        result.add_figure(
            "p/(p+q), exact and learned", _curves(grid, mass, log_ratio, learned_critics), caption=_CAPTION
        )
        rows = []
        for name, learned in learned_critics.items():
            error = float(np.sqrt((weight * (learned.output - learned.optimal) ** 2).sum() / weight.sum()))
            spread = float(np.sqrt((weight * learned.optimal**2).sum() / weight.sum()))
            rows.append((name, error, spread, learned.estimate, learned.exact))
            result.check_at_most(f"{name}: error of the output, as a share of its size", error / spread, 0.2)
            result.check_at_most(
                f"{name}: estimate, never above the divergence", learned.estimate, learned.exact, within=1e-9
            )
            result.check_at_least(f"{name}: share of the divergence found", learned.estimate / learned.exact, 0.97)
        result.add_table(
            "The learned critics against the optimal ones",
            ("objective", "RMS error of the output", "RMS of the output", "estimate", "divergence"),
            rows,
            note="Errors over ½(p + q) where the ratio lies within e^±4; estimates by quadrature.",
        )
        sigmoid = 1 / (1 + np.exp(-learned_critics["non-saturating"].output))
        exact = 1 / (1 + np.exp(-log_ratio))
        gap = float((weight * np.abs(sigmoid - exact)).sum() / weight.sum())
        result.check_at_most("mean |D − p/(p+q)| over ½(p + q)", gap, 0.02)

    def _learn(
        self, objective: Objective, p: Any, q: Any, log_ratio: Any, grid: Any, weights: tuple[Tensor, Tensor], seed: int
    ) -> Learned:
        critic = small_critic(1, seed=seed, filters=64, activation="softplus")
        fit_critic(critic, objective, p, q, steps=self.steps, learning_rate=1e-2, seed=seed)
        output = critic_outputs(critic, grid.points)
        optimal = objective.optimal_output(torch.as_tensor(log_ratio))
        estimates = [
            float(objective.estimate(v, v, weights)) for v in (torch.as_tensor(output), torch.as_tensor(optimal))
        ]
        return Learned(output, optimal.numpy(), *estimates)


_CAPTION = (
    "Left: the densities of the data and of the generator, and between 0 and 1 the exact p/(p+q) with the sigmoid of "
    "the learned critic on it. Right: the learned outputs of three other objectives (marks) on their optimal "
    "functions of the density ratio (lines)."
)


def _curves(grid: Any, mass: tuple[Any, Any], log_ratio: Any, learned_critics: dict[str, Learned]) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.3)
    x = grid.points[:, 0]
    middle = np.abs(x) < 4.5
    x, log_ratio = x[middle], log_ratio[middle]
    left.fill_between(x, mass[0][middle], alpha=0.25, color="#0072b2", label="p, data")
    left.fill_between(x, mass[1][middle], alpha=0.25, color="#e69f00", label="q, generator")
    left.plot(x, 1 / (1 + np.exp(-log_ratio)), label="exact p/(p+q)")
    left.plot(x, 1 / (1 + np.exp(-learned_critics["non-saturating"].output[middle])), label="learned")
    left.set(xlabel="x", ylim=(0, 1.35))
    left.legend(fontsize=8, ncols=2, loc="upper center")
    order = np.argsort(log_ratio)
    for (name, learned), marker in zip(list(learned_critics.items())[1:], "os^", strict=True):
        (line,) = right.plot(log_ratio[order], learned.optimal[middle][order], label=name)
        every = order[:: max(1, len(order) // 40)]
        right.plot(
            log_ratio[every],
            learned.output[middle][every],
            marker,
            color=line.get_color(),
            markersize=3.5,
            linestyle="",
        )
    right.set(xlabel="log p/q", ylabel="critic's output", xlim=(-MAX_LOG_RATIO, 1.5), ylim=(-3.2, 2.6))
    right.legend(fontsize=8)
    return figure
