"""Variational bounds: for every f the critic's estimate rises to the divergence and never exceeds it

Source: Nguyen, Wainwright and Jordan 2010, "Estimating Divergence Functionals and the Likelihood Ratio by Convex Risk
Minimization", lemma 1; Nowozin et al. 2016, "f-GAN", eq. 4 and table 6.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch

from twoplayer import theory
from twoplayer.core.ranges import Count
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import critic_outputs, fit_critic, quadrature_weights, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives._base import Objective
from twoplayer.objectives.fgan_alpha import FganAlpha
from twoplayer.objectives.fgan_gan import FganGAN
from twoplayer.objectives.fgan_jeffrey import FganJeffrey
from twoplayer.objectives.fgan_js import FganJS
from twoplayer.objectives.fgan_kl import FganKL
from twoplayer.objectives.fgan_neyman import FganNeyman
from twoplayer.objectives.fgan_pearson import FganPearson
from twoplayer.objectives.fgan_reverse_kl import FganReverseKL
from twoplayer.objectives.fgan_squared_hellinger import FganSquaredHellinger
from twoplayer.objectives.fgan_total_variation import FganTotalVariation
from twoplayer.objectives.fgan_weighted_js import FganWeightedJS
from twoplayer.pages.plot_style import new_figure

__all__ = ["VariationalBounds"]

P = theory.Mixture([0.35, 0.65], [theory.Gaussian(-1.6, 1.0), theory.Gaussian(1.6, 1.0)])
Q = theory.Gaussian(-0.5, 1.2)
"""Their tails are alike, so that every divergence of the family is finite."""


class VariationalBounds(Demonstration):
    """One critic for each f-divergence between two densities, with its bound by quadrature over the training.

    Args:
        steps: Steps of each critic, at least 1. Default 500.
    """

    statement: ClassVar[str] = (
        "D_f(p‖q) = sup over T of E_p[T] − E_q[f*(T)]: whatever the critic, its estimate is a lower bound of the "
        "divergence, and the bound is reached at T = f′(p/q)."
    )

    def __init__(self, *, steps: Count = 500) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        grid = theory.grid(P, Q)
        weights = quadrature_weights(grid, P, Q)
        paths = {}
        for name, (objective, exact) in _members().items():
            paths[name] = self._path(objective, grid.points, weights, result.seed), exact
        result.add_figure("Estimates over the training", _curves(paths), caption=_CAPTION)
        result.add_table(
            "Estimate and divergence",
            ("divergence", "exact", "before training", f"after {self.steps} steps", "share found"),
            [
                (name, exact, path[0][1], path[-1][1], _share(path[-1][1], exact))
                for name, (path, exact) in paths.items()
            ],
            note="Exact by quadrature of the densities; estimates by quadrature of the critic's outputs, in float64.",
        )
        for name, (path, exact) in paths.items():
            above = max(value for _, value in path) - exact
            result.check_at_most(f"{name}: greatest estimate above the divergence", above, 0.0, within=1e-9)
            result.check_at_least(f"{name}: share of the divergence found", _share(path[-1][1], exact), 0.9)

    def _path(self, objective: Objective, points: Any, weights: Any, seed: int) -> list[tuple[int, float]]:
        path: list[tuple[int, float]] = []
        critic = small_critic(1, seed=seed, filters=64, depth=2, activation="softplus")

        def record(step: int) -> None:
            if step % 10 == 0 or step == self.steps:
                output = torch.as_tensor(critic_outputs(critic, points))
                path.append((step, float(objective.estimate(output, output, weights))))

        fit_critic(critic, objective, P, Q, steps=self.steps, learning_rate=1e-2, seed=seed, callback=record)
        return path


def _members() -> dict[str, tuple[Objective, float]]:
    """Each objective with the exact divergence, computed from the densities alone."""
    jsd = theory.jensen_shannon(P, Q)
    return {
        "total variation": (FganTotalVariation(), theory.total_variation(P, Q)),
        "Kullback-Leibler": (FganKL(), theory.kl(P, Q)),
        "reverse Kullback-Leibler": (FganReverseKL(), theory.reverse_kl(P, Q)),
        "Pearson χ²": (FganPearson(), theory.pearson(P, Q)),
        "Neyman χ²": (FganNeyman(), theory.neyman(P, Q)),
        "squared Hellinger": (FganSquaredHellinger(), theory.squared_hellinger(P, Q)),
        "Jeffrey": (FganJeffrey(), theory.jeffrey(P, Q)),
        "Jensen-Shannon, doubled": (FganJS(), 2 * jsd),
        "weighted Jensen-Shannon, π = 0.3": (FganWeightedJS(weight=0.3), theory.jensen_shannon(P, Q, weight=0.3)),
        "GAN": (FganGAN(), 2 * jsd - math.log(4)),
        "α = 0.5": (FganAlpha(alpha=0.5), theory.alpha_divergence(P, Q, 0.5)),
        "α = 1.5": (FganAlpha(alpha=1.5), theory.alpha_divergence(P, Q, 1.5)),
    }


def _share(estimate: float, exact: float) -> float:
    """The part of the divergence that was found, above the value −log 4 of the GAN's where p = q."""
    floor = -math.log(4) if exact < 0 else 0.0
    return (estimate - floor) / (exact - floor)


def _curves(paths: dict[str, tuple[list[tuple[int, float]], float]]) -> Any:
    figure, panels = new_figure(1, 2, height=3.6, sharey=True)
    for index, (name, (path, exact)) in enumerate(paths.items()):
        panel = panels[index % 2]
        panel.plot([step for step, _ in path], [_share(value, exact) for _, value in path], label=name)
    for panel in panels:
        panel.axhline(1, color="black", linewidth=0.8, linestyle=":")
        panel.set(xlabel="critic steps", ylim=(0, 1.08))
        panel.legend(fontsize=8, loc="lower right")
    panels[0].set_ylabel("estimate / divergence")
    return figure


_CAPTION = (
    "Each line is one critic's estimate as a share of its exact divergence, over its training steps; the dotted line "
    "at 1 is the divergence itself."
)
