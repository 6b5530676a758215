"""The functional gradient theorem: the decrease of KL by one step along the critic's gradient, to second order

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", theorem 2.1.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import fit_critic, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import new_figure

__all__ = ["FunctionalGradient"]

DATA = theory.Mixture([0.4, 0.6], [theory.Gaussian(-1.0, 0.8), theory.Gaussian(1.4, 1.0)])
MODEL = theory.Gaussian(-0.6, 1.3)
RATES = np.geomspace(0.3, 0.3 / 64, 7)
SMALLEST_RATE = float(RATES[-1])
Values = Any
"""An array of one value per grid point."""


@dataclass(frozen=True)
class FittedCritic:
    """D and its first two derivatives on the grid."""

    value: Values
    slope: Values
    curvature: Values


Scaling = Callable[[FittedCritic], tuple[Values, Values]]
"""s and its derivative along x."""


class FunctionalGradient(Demonstration):
    """One functional gradient step from N(−0.6, 1.3²) towards two modes, with the exact critic and with a trained one.

    Args:
        steps: Steps of the trained critic, at least 1. Default 800.
    """

    statement: ClassVar[str] = (
        "Moving samples by x ← x + η s(x)∇D(x), where D is the log density ratio up to an error ε, gives KL(p*‖p′) ≤ "
        "KL(p*‖p) − η∫p* s‖∇D‖² + O(η² + ηε): for small η the step decreases KL by the first-order term, and the "
        "remainder is of second order in η."
    )

    def __init__(self, *, steps: Count = 800) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        grid = theory.grid(DATA, MODEL, nodes=16)
        exact, before = _exact(grid.points[:, 0]), theory.kl(DATA, MODEL)
        results = {}
        for name, scaling in SCALINGS.items():
            first = _first_order(grid, exact, scaling)
            remainders = np.array([_after(grid, exact, scaling, rate) - before + rate * first for rate in RATES])
            order = float(np.polyfit(np.log(RATES), np.log(np.abs(remainders)), 1)[0])
            results[name] = first, remainders, order
            decrease = before - _after(grid, exact, scaling, SMALLEST_RATE)
            result.check_equal(f"exact D, {name}: order of the remainder in η", order, 2.0, within=0.1)
            result.check_equal(
                f"exact D, {name}: decrease at the smallest η over the prediction",
                decrease / (SMALLEST_RATE * first),
                1.0,
                within=0.02,
            )
        result.add_figure("The remainder of the first-order prediction", _curves(results), caption=_CAPTION)
        result.add_table(
            "One step from the same model with the exact D",
            ("scaling", "first-order term per η", "KL before", f"after η = {RATES[2]:.3g}", "remainder's order"),
            [
                (name, first, before, before + remainders[2] - RATES[2] * first, order)
                for name, (first, remainders, order) in results.items()
            ],
            note="By quadrature in float64; the moved density by the change of variables x ↦ x + η s(x)D′(x).",
        )
        self._learn(result, grid, exact, before)

    def _learn(self, result: DemonstrationResult, grid: Any, exact: FittedCritic, before: float) -> None:
        """The prediction η∫p*‖∇D‖² of a critic in training, against the decrease by its step."""
        critic = small_critic(1, seed=result.seed, filters=64, activation="softplus")
        mass, scaling = DATA.density(grid.points) * grid.weights, SCALINGS["s = 1"]
        reading_steps = sorted({round(self.steps * share) for share in (0.01, 0.03, 0.1, 1.0)} | {1})
        rows = []

        def watch(step: int) -> None:
            if step in reading_steps:
                learned = _learned(copy.deepcopy(critic), grid.points[:, 0])
                error = float(np.sqrt(mass @ (learned.slope - exact.slope) ** 2))
                predicted = _first_order(grid, learned, scaling)
                decrease = (before - _after(grid, learned, scaling, SMALLEST_RATE)) / SMALLEST_RATE
                rows.append((step, error, predicted, decrease, abs(predicted - decrease)))

        fit_critic(
            critic, NonSaturating(), DATA, MODEL, steps=self.steps, learning_rate=1e-2, seed=result.seed, callback=watch
        )
        result.add_table(
            "One step with a critic in training, s = 1",
            ("critic steps", "ε", "predicted per η: ∫p*‖∇D‖²", "decrease per η", "difference"),
            rows,
            note=f"ε is the root mean square error of ∇D over the data; decrease: the decrease at η = "
            f"{SMALLEST_RATE:.2g} over η.",
        )
        predicted, decrease = rows[-1][2:4]
        result.check_equal("learned D: decrease over the prediction", decrease / predicted, 1.0, within=0.05)
        result.check_at_least("learned D: decrease of KL per η", decrease, 0.0)
        result.check_at_most("error of the trained ∇D, as a share of the first", rows[-1][1] / rows[0][1], 0.25)


SCALINGS: dict[str, Scaling] = {
    "s = 1": lambda d: (np.ones_like(d.value), np.zeros_like(d.value)),
    "s of GAN0": lambda d: (_sigmoid(d.value), _sigmoid(d.value) * _sigmoid(-d.value) * d.slope),
    "s of GAN1": lambda d: (_sigmoid(-d.value), -_sigmoid(d.value) * _sigmoid(-d.value) * d.slope),
}

_CAPTION = (
    "Both axes logarithmic: how far KL after one step lies from KL before minus the first-order term, over η, for "
    "three scalings with the exact critic; dotted, a line that falls as η²."
)


def _sigmoid(x: Values) -> Values:
    return 0.5 * (1 + np.tanh(x / 2))


def _exact(x: Values) -> FittedCritic:
    """log p*/p with derivatives, in closed form."""
    parts = [w * part.density(x[:, None]) for w, part in DATA.pieces()]
    means = [float(part.mean[0]) for _, part in DATA.pieces()]
    widths = [float(part.covariance[0, 0]) for _, part in DATA.pieces()]
    total = sum(parts)
    score = sum(-p * (x - m) / v for p, m, v in zip(parts, means, widths, strict=True)) / total
    second = sum(p * (((x - m) / v) ** 2 - 1 / v) for p, m, v in zip(parts, means, widths, strict=True)) / total
    mean, width = float(MODEL.mean[0]), float(MODEL.covariance[0, 0])
    value = DATA.log_density(x[:, None]) - MODEL.log_density(x[:, None])
    return FittedCritic(value, score + (x - mean) / width, second - score**2 + 1 / width)


def _learned(critic: nn.Module, x: Values) -> FittedCritic:
    """A network's output and derivatives, in float64."""
    points = torch.as_tensor(x)[:, None].requires_grad_()
    value = critic.double()(points)
    (slope,) = torch.autograd.grad(value.sum(), points, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), points)
    return FittedCritic(value.detach().numpy(), slope.detach().numpy()[:, 0], curvature.numpy()[:, 0])


def _first_order(grid: Any, critic: FittedCritic, scaling: Scaling) -> float:
    """∫ p* s‖∇D‖², the first-order decrease per η."""
    s, _ = scaling(critic)
    return float((DATA.density(grid.points) * grid.weights) @ (s * critic.slope**2))


def _after(grid: Any, critic: FittedCritic, scaling: Scaling, rate: float) -> float:
    """KL(p*‖p′), with y = x + η s(x)D′(x) and p′(y) = p(x)/y′(x) put for the variable of integration."""
    s, change = scaling(critic)
    x = grid.points[:, 0]
    moved, stretch = x + rate * s * critic.slope, 1 + rate * (change * critic.slope + s * critic.curvature)
    data = DATA.log_density(moved[:, None])
    log_model = MODEL.log_density(grid.points) - np.log(stretch)
    return float((np.exp(data) * (data - log_model) * stretch) @ grid.weights)


def _curves(results: dict[str, Any]) -> Any:
    figure, (axes,) = new_figure(height=3.6)
    for (name, (_, remainders, _)), marker in zip(results.items(), "os^D", strict=False):
        axes.loglog(RATES, np.abs(remainders), marker=marker, markersize=4, label=name)
    axes.loglog(RATES, 0.02 * RATES**2, color="#68655e", linestyle=":", label="η²")
    axes.set(xlabel="η", ylabel="| KL′ − KL + η · first-order term |")
    axes.legend(fontsize=8)
    return figure
