"""The log D trick is a scaling: early in training GAN0 moves samples by next to nothing, GAN1 by the whole slope

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
from twoplayer.lab._lab_game import LabGame, scores
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives._base import Objective
from twoplayer.objectives.minimax import Minimax
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import sheet

__all__ = ["LogDTrick"]

DATA = theory.Mixture([0.5, 0.5], [theory.Gaussian([8.0, 0.0], 0.5), theory.Gaussian([8.0, 2.0], 0.5)])
OBJECTIVES: dict[str, type[Objective]] = {"GAN0, minimax": Minimax, "GAN1, non-saturating": NonSaturating}
LOOK = 5


class LogDTrick(Demonstration):
    """Two games of `rounds` rounds with five critic steps; the scaling that each generator's loss puts on ∇D."""

    statement: ClassVar[str] = (
        "By the chain rule the generator's gradient is that of a least-squares fit to G(z) + η s(x)∇D(x), with s = "
        "1/(1 + exp(−D)) for the minimax loss and s = 1/(1 + exp(D)) for the log D trick. Early, when D(G(z)) is far "
        "below 0, the first is near 0 and the second near 1; at the equilibrium both are ½."
    )

    def __init__(self, *, rounds: Count = 200) -> None:
        self.rounds = rounds

    def show(self, findings: DemonstrationResult) -> None:
        paths = {name: self._path(kind(), findings.seed) for name, kind in OBJECTIVES.items()}
        findings.picture("The scaling over a training", _curves(paths), caption=_CAPTION)
        findings.table(
            "Mean scaling over 2,500 samples",
            ("game", f"after {LOOK} rounds", "least", "greatest", f"after {self.rounds} rounds"),
            [(name, p[0][1], min(s for _, s in p), max(s for _, s in p), p[-1][1]) for name, p in paths.items()],
        )
        saturating, trick = paths.values()
        findings.at_most("GAN0's scaling after the first rounds", saturating[0][1], 0.1)
        findings.at_least("GAN1's scaling after the first rounds", trick[0][1], 0.9)
        findings.at_most("GAN1's scaling at the end: back towards ½", trick[-1][1], 0.75)
        self._chain_rule(findings)

    def _path(self, objective: Objective, seed: int) -> list[tuple[int, float]]:
        algorithm = partial(Alternating, critic_steps=5)
        match = LabGame(DATA, objective, algorithm=algorithm, rate=5e-4, critic_rate=2e-3, seed=seed)
        path = []
        for _ in range(self.rounds // LOOK):
            match.play(LOOK)
            output = scores(match.game.critic, match.sample())
            path.append((match.rounds, float(_scaling(objective, output).mean())))
        return path

    def _chain_rule(self, findings: DemonstrationResult) -> None:
        """∂ loss/∂D per sample is −s/n, for both losses, wherever the critic stands."""
        output = torch.linspace(-20, 20, 401, dtype=torch.float64, requires_grad=True)
        for name, kind in OBJECTIVES.items():
            (slope,) = torch.autograd.grad(kind().generator_loss(output), output)
            s = _scaling(kind(), output.detach().numpy())
            findings.equal(
                f"{name}: | n ∂loss/∂D + s |", float(np.abs(slope.numpy() * len(s) + s).max()), 0, within=1e-12
            )


_CAPTION = (
    "The factor s that each generator's loss puts before the critic's slope. GAN0 (solid) starts at 0: however steep "
    "the critic, samples hardly move. GAN1 (dashed) starts at 1 and falls towards ½ as samples reach the data."
)


def _scaling(objective: Objective, output: Any) -> Any:
    sign = 1 if isinstance(objective, Minimax) else -1
    return 1 / (1 + np.exp(-sign * output))


def _curves(paths: dict[str, list[tuple[int, float]]]) -> Any:
    figure, (axes,) = sheet(height=3.2)
    for name, path in paths.items():
        axes.plot([r for r, _ in path], [s for _, s in path], label=name)
    axes.axhline(0.5, color="#68655e", linestyle=":", linewidth=1)
    axes.set(xlabel="rounds", ylabel="mean s(G(z))", ylim=(-0.02, 1.05))
    axes.legend()
    return figure
