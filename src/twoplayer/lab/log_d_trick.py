"""The log D trick as a scaling: early in training GAN0 scales the critic's gradient to near 0, GAN1 to near 1

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", section 3.4;
Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from twoplayer import theory
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.ranges import Count
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import LabGame, critic_outputs
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives._base import Objective
from twoplayer.objectives.minimax import Minimax
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import new_figure

__all__ = ["LogDTrick"]

DATA = theory.Mixture([0.5, 0.5], [theory.Gaussian([8.0, 0.0], 0.5), theory.Gaussian([8.0, 2.0], 0.5)])
OBJECTIVES: dict[str, type[Objective]] = {"GAN0, minimax": Minimax, "GAN1, non-saturating": NonSaturating}
READING_INTERVAL = 5
"""Steps between two readings of the scaling."""


class LogDTrick(Demonstration):
    """The factor by which the losses of GAN0 and GAN1 scale the critic's gradient, over a training.

    Args:
        steps: Steps of each game, with five critic steps each, at least 1. Default 200.
    """

    statement: ClassVar[str] = (
        "By the chain rule the generator's gradient is that of a least-squares fit to G(z) + η s(x)∇D(x), with s = "
        "1/(1 + exp(−D)) for the minimax loss and s = 1/(1 + exp(D)) for the log D trick. Early, when D(G(z)) is far "
        "below 0, the first is near 0 and the second near 1; at the equilibrium both are ½."
    )

    def __init__(self, *, steps: Count = 200) -> None:
        self.steps = steps

    def run(self, result: DemonstrationResult) -> None:
        paths = {name: self._path(kind(), result.seed) for name, kind in OBJECTIVES.items()}
        result.add_figure("The scaling over a training", _curves(paths), caption=_CAPTION)
        result.add_table(
            "Mean scaling over 2,500 samples",
            ("game", f"after {READING_INTERVAL} steps", "minimum", "maximum", f"after {self.steps} steps"),
            [(name, p[0][1], min(s for _, s in p), max(s for _, s in p), p[-1][1]) for name, p in paths.items()],
        )
        saturating, trick = paths.values()
        result.check_at_most("GAN0's scaling after the first steps", saturating[0][1], 0.1)
        result.check_at_least("GAN1's scaling after the first steps", trick[0][1], 0.9)
        result.check_at_most("GAN1's scaling at the end, near ½ again", trick[-1][1], 0.75)
        self._chain_rule(result)

    def _path(self, objective: Objective, seed: int) -> list[tuple[int, float]]:
        algorithm = partial(Alternating, critic_steps=5)
        lab_game = LabGame(
            DATA, objective, algorithm=algorithm, learning_rate=5e-4, critic_learning_rate=2e-3, seed=seed
        )
        path = []
        for _ in range(self.steps // READING_INTERVAL):
            lab_game.train(READING_INTERVAL)
            output = critic_outputs(lab_game.game.critic, lab_game.sample())
            path.append((lab_game.steps, float(_scaling(objective, output).mean())))
        return path

    def _chain_rule(self, result: DemonstrationResult) -> None:
        """∂ loss/∂D per sample is −s/n, for both losses, wherever the critic stands."""
        output = torch.linspace(-20, 20, 401, dtype=torch.float64, requires_grad=True)
        for name, kind in OBJECTIVES.items():
            (gradient,) = torch.autograd.grad(kind().generator_loss(output), output)
            s = _scaling(kind(), output.detach().numpy())
            result.check_equal(
                f"{name}: | n ∂loss/∂D + s |", float(np.abs(gradient.numpy() * len(s) + s).max()), 0, within=1e-12
            )


_CAPTION = (
    "The factor s that each generator's loss puts before the critic's gradient. GAN0 (solid) starts at 0: however "
    "steep the critic, samples hardly move. GAN1 (dashed) starts at 1 and falls towards ½ as samples reach the data."
)


def _scaling(objective: Objective, output: Any) -> Any:
    sign = 1 if isinstance(objective, Minimax) else -1
    return 1 / (1 + np.exp(-sign * output))


def _curves(paths: dict[str, list[tuple[int, float]]]) -> Any:
    figure, (axes,) = new_figure(height=3.2)
    for name, path in paths.items():
        axes.plot([r for r, _ in path], [s for _, s in path], label=name)
    axes.axhline(0.5, color="#68655e", linestyle=":", linewidth=1)
    axes.set(xlabel="steps", ylabel="mean s(G(z))", ylim=(-0.02, 1.05))
    axes.legend()
    return figure
