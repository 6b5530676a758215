"""Functional descent: KL of CFG's generator falls step by step to the sampling floor, on a line and in the plane

Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models", Algorithm 1 and
theorem 2.1.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, cast

import numpy as np

from twoplayer import theory
from twoplayer.algorithms.cfg import CFG
from twoplayer.core.ranges import Count
from twoplayer.core.rng import numpy_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import LabGame, input_gradients, to_tensor
from twoplayer.lab._linear_generator import Linear
from twoplayer.lab._result import DemonstrationResult
from twoplayer.networks.mlp import MLP
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import new_figure

__all__ = ["FunctionalDescent"]

SAMPLES = 10_000
LINE = theory.Mixture([0.3, 0.7], [theory.Gaussian(-2.0, 0.5), theory.Gaussian(1.0, 0.8)])
PLANE = theory.Mixture(
    [0.25] * 4, [theory.Gaussian([a, b], 0.45) for a, b in ((1.2, 0.0), (0.0, 1.2), (-1.2, 0.0), (0.0, -1.2))]
)
BINS = {1: (np.linspace(-5, 5, 61),), 2: (np.linspace(-3.2, 3.2, 33),) * 2}


class FunctionalDescent(Demonstration):
    """CFG with step size η = 0.1 from a Gaussian, with KL by histograms of 10,000 samples after every third step.

    Args:
        functional_steps: Number of functional gradient steps, at least 1. Default 40.
    """

    statement: ClassVar[str] = (
        "Each step along the gradient of a critic that is nearly the log density ratio lowers KL(p*‖p); the "
        "composition of T steps brings a Gaussian's samples close to the data, up to the resolution of a histogram."
    )

    def __init__(self, *, functional_steps: Count = 40) -> None:
        self.functional_steps = functional_steps

    def run(self, result: DemonstrationResult) -> None:
        lab_games = {"line": self._lab_game(LINE, result.seed), "plane": self._lab_game(PLANE, result.seed)}
        paths, readings = {}, []
        for name, lab_game in lab_games.items():
            curve = _KlCurve(lab_game)
            paths[name] = [(0, curve.divergence())]
            while not lab_game.algorithm.done:
                if name == "plane" and lab_game.steps in (
                    1,
                    self.functional_steps // 4,
                    self.functional_steps // 2,
                    self.functional_steps - 1,
                ):
                    readings.append((lab_game.steps, *curve.gradients()))
                lab_game.train(1)
                curve.advance()
                if lab_game.steps % 3 == 0 or lab_game.algorithm.done:
                    paths[name].append((lab_game.steps, curve.divergence()))
        floors = {name: _floor(lab_game.density, result.seed) for name, lab_game in lab_games.items()}
        result.add_figure("KL over functional steps", _curves(paths, floors), caption=_CAPTION)
        result.add_figure("Samples and the critic's gradient", _quivers(readings), caption=_ARROWS)
        result.add_table(
            "KL(data‖generator) by histogram, nats",
            ("data", "before", f"after {self.functional_steps} steps", "real against real"),
            [(name, path[0][1], path[-1][1], floors[name]) for name, path in paths.items()],
            note=f"{SAMPLES:,} samples against the cells' exact masses; last column: samples of the data instead.",
        )
        for name, path in paths.items():
            start, end, floor = path[0][1], path[-1][1], floors[name]
            remaining, changes = (end - floor) / (start - floor), np.diff([value for _, value in path])
            result.check_at_most(f"{name}: last KL above the floor, as a share of the first", remaining, 0.1)
            rise_ratio = changes.clip(0).sum() / -changes.clip(max=0).sum()
            result.check_at_most(f"{name}: sum of rises against sum of falls", rise_ratio, 0.1)

    def _lab_game(self, density: Any, seed: int) -> LabGame:
        return LabGame(
            density,
            NonSaturating(),
            generator=Linear(),
            critic=MLP(filters=64, activation="softplus"),
            algorithm=partial(
                CFG, functional_steps=self.functional_steps, critic_steps=40, pool_size=SAMPLES, step_size=0.1
            ),
            latent_dim=density.dimension,
            learning_rate=3e-3,
            seed=seed,
        )


class _KlCurve:
    """Samples that are moved along with the generator and that the critic is not trained on."""

    def __init__(self, lab_game: LabGame) -> None:
        self.lab_game, self.steps = lab_game, cast(CFG, lab_game.algorithm).refined.steps
        self.samples = to_tensor(lab_game.sample(SAMPLES))

    def advance(self) -> None:
        """Apply the newest step of the generator."""
        self.samples = self.steps(self.samples, int(self.steps.taken) - 1)

    def divergence(self) -> float:
        return _histogram_kl(self.lab_game.density, self.samples.double().numpy())

    def gradients(self) -> tuple[Any, Any]:
        """A few samples and the critic's gradient at them."""
        points = self.samples[:400]
        return points.double().numpy(), input_gradients(self.lab_game.game.critic, points).double().numpy()


_CAPTION = (
    "KL from the data to the samples, logarithmic, over functional steps, on a line and in the plane; dotted, the "
    "value of real samples by the same histogram."
)
_ARROWS = (
    "Samples (dots) and the critic's gradient at them (arrows, on one scale) early, later and at the end; the data's "
    "four centres are crosses. At first the gradients point to regions without enough samples; at the end they are "
    "short and random."
)


def _floor(density: Any, seed: int) -> float:
    return _histogram_kl(density, density.sample(SAMPLES, numpy_generator(seed, "floor")))


def _histogram_kl(density: Any, samples: Any) -> float:
    """Σ p log(p/q) over cells: p the density's mass, q the samples' share with half a sample in every cell."""
    edges = BINS[density.dimension]
    counts, _ = np.histogramdd(samples, edges)
    centres = np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij")
    mass = density.density(np.stack([c.ravel() for c in centres], axis=1)) * np.prod([e[1] - e[0] for e in edges])
    mass, share = mass / mass.sum(), (counts.ravel() + 0.5) / (counts.sum() + 0.5 * counts.size)
    positive = mass > 1e-12
    return float((mass[positive] * np.log(mass[positive] / share[positive])).sum())


def _curves(paths: dict[str, list[tuple[int, float]]], floors: dict[str, float]) -> Any:
    figure, (axes,) = new_figure(height=3.2)
    for (name, path), marker in zip(paths.items(), "os", strict=True):
        (line,) = axes.semilogy([t for t, _ in path], [v for _, v in path], marker=marker, markersize=3.5, label=name)
        axes.axhline(floors[name], color=line.get_color(), linestyle=":", linewidth=1.2)
    axes.set(xlabel="functional steps t", ylabel="KL(data‖G_t), nats")
    axes.legend()
    return figure


def _quivers(readings: list[tuple[int, Any, Any]]) -> Any:
    figure, panels = new_figure(1, len(readings), height=2.1, sharex=True, sharey=True)
    length = np.linalg.norm(readings[0][2], axis=1).mean() / 0.6 if readings else 1.0
    for panel, (step, points, slope) in zip(panels, readings, strict=True):
        panel.quiver(
            *points.T, *(slope / length).T, angles="xy", scale_units="xy", scale=1, color="#c65300", width=0.004
        )
        panel.plot(*points.T, ".", color="#0072b2", markersize=2)
        panel.plot(*np.array([part.mean for _, part in PLANE.pieces()]).T, "kx", markersize=5)
        panel.set(title=f"step {step}", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    return figure
