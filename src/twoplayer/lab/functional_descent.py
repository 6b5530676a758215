"""Functional descent: KL of CFG's generator falls step by step towards the sampling floor, on a line and in the plane

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
from twoplayer.lab._lab_game import LabGame, slopes, tensor
from twoplayer.lab._linear_generator import Linear
from twoplayer.lab._result import DemonstrationResult
from twoplayer.networks.mlp import MLP
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.pages.plot_style import sheet

__all__ = ["FunctionalDescent"]

SAMPLES = 10_000
LINE = theory.Mixture([0.3, 0.7], [theory.Gaussian(-2.0, 0.5), theory.Gaussian(1.0, 0.8)])
PLANE = theory.Mixture(
    [0.25] * 4, [theory.Gaussian([a, b], 0.45) for a, b in ((1.2, 0.0), (0.0, 1.2), (-1.2, 0.0), (0.0, -1.2))]
)
BINS = {1: (np.linspace(-5, 5, 61),), 2: (np.linspace(-3.2, 3.2, 33),) * 2}


class FunctionalDescent(Demonstration):
    """CFG with `levels` steps of η = 0.1 from a Gaussian; KL by histograms of 10,000 samples after every few steps."""

    statement: ClassVar[str] = (
        "Each step along the slope of a critic that is nearly the log density ratio lowers KL(p*‖p); the composition "
        "of T steps brings a Gaussian's samples near to what a histogram can tell from the data."
    )

    def __init__(self, *, levels: Count = 40) -> None:
        self.levels = levels

    def show(self, findings: DemonstrationResult) -> None:
        matches = {"line": self._match(LINE, findings.seed), "plane": self._match(PLANE, findings.seed)}
        paths, looks = {}, []
        for name, match in matches.items():
            course = _KlCurve(match)
            paths[name] = [(0, course.divergence())]
            while not match.algorithm.done:
                if name == "plane" and match.rounds in (1, self.levels // 4, self.levels // 2, self.levels - 1):
                    looks.append((match.rounds, *course.slopes()))
                match.play(1)
                course.follow()
                if match.rounds % 3 == 0 or match.algorithm.done:
                    paths[name].append((match.rounds, course.divergence()))
        floors = {name: _floor(match.density, findings.seed) for name, match in matches.items()}
        findings.picture("KL over functional steps", _curves(paths, floors), caption=_CAPTION)
        findings.picture("Samples and the critic's slope", _quivers(looks), caption=_ARROWS)
        findings.table(
            "KL(data‖generator) by histogram, nats",
            ("data", "before", f"after {self.levels} steps", "real against real"),
            [(name, path[0][1], path[-1][1], floors[name]) for name, path in paths.items()],
            note=f"{SAMPLES:,} samples against the cells' exact masses; last column: samples of the data instead.",
        )
        for name, path in paths.items():
            start, end, floor = path[0][1], path[-1][1], floors[name]
            left, rises = (end - floor) / (start - floor), np.diff([value for _, value in path])
            findings.at_most(f"{name}: last KL above the floor, as a share of the first", left, 0.1)
            back = rises.clip(0).sum() / -rises.clip(max=0).sum()
            findings.at_most(f"{name}: sum of rises against sum of falls", back, 0.1)

    def _match(self, density: Any, seed: int) -> LabGame:
        return LabGame(
            density,
            NonSaturating(),
            generator=Linear(),
            critic=MLP(filters=64, activation="softplus"),
            algorithm=partial(CFG, functional_steps=self.levels, critic_steps=40, pool_size=SAMPLES, step_size=0.1),
            latent_dim=density.dimension,
            rate=3e-3,
            seed=seed,
        )


class _KlCurve:
    """Samples that the critic never sees, taken along step by step."""

    def __init__(self, match: LabGame) -> None:
        self.match, self.steps = match, cast(CFG, match.algorithm).refined.steps
        self.samples = tensor(match.sample(SAMPLES))

    def follow(self) -> None:
        """The newest step of the generator."""
        self.samples = self.steps(self.samples, int(self.steps.taken) - 1)

    def divergence(self) -> float:
        return _histogram_kl(self.match.density, self.samples.double().numpy())

    def slopes(self) -> tuple[Any, Any]:
        """A few samples and the critic's slope at them."""
        points = self.samples[:400]
        return points.double().numpy(), slopes(self.match.game.critic, points).double().numpy()


_CAPTION = (
    "KL from the data to the samples, logarithmic, over functional steps, on a line and in the plane; dotted, what "
    "real samples reach against the same histogram."
)
_ARROWS = (
    "Samples (dots) and the critic's slope at them (arrows, to one scale) early, later and at the end; the data's "
    "four centres are crosses. At first slopes point to where data are missing; at the end they are short and point "
    "anywhere."
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
    seen = mass > 1e-12
    return float((mass[seen] * np.log(mass[seen] / share[seen])).sum())


def _curves(paths: dict[str, list[tuple[int, float]]], floors: dict[str, float]) -> Any:
    figure, (axes,) = sheet(height=3.2)
    for (name, path), marker in zip(paths.items(), "os", strict=True):
        (line,) = axes.semilogy([t for t, _ in path], [v for _, v in path], marker=marker, markersize=3.5, label=name)
        axes.axhline(floors[name], color=line.get_color(), linestyle=":", linewidth=1.2)
    axes.set(xlabel="functional steps t", ylabel="KL(data‖G_t), nats")
    axes.legend()
    return figure


def _quivers(looks: list[tuple[int, Any, Any]]) -> Any:
    figure, panels = sheet(1, len(looks), height=2.1, sharex=True, sharey=True)
    length = np.linalg.norm(looks[0][2], axis=1).mean() / 0.6 if looks else 1.0
    for panel, (step, points, slope) in zip(panels, looks, strict=True):
        panel.quiver(
            *points.T, *(slope / length).T, angles="xy", scale_units="xy", scale=1, color="#c65300", width=0.004
        )
        panel.plot(*points.T, ".", color="#0072b2", markersize=2)
        panel.plot(*np.array([part.mean for _, part in PLANE.pieces()]).T, "kx", markersize=5)
        panel.set(title=f"step {step}", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    return figure
