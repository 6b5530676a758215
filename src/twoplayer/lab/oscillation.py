"""Oscillation: two players that follow their gradients move in circles, and modes appear and disappear

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section 2 and 4.1
(the Dirac-GAN); Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.1 (the ring).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import nn

from twoplayer import theory
from twoplayer.algorithms._base import Algorithm, StepRecord
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, Share
from twoplayer.data.ring import Ring
from twoplayer.games._base import Batch
from twoplayer.lab._base import Demonstration
from twoplayer.lab._dirac_game import INITIAL_DISTANCE, DiracArchitecture
from twoplayer.lab._lab_game import LabGame
from twoplayer.lab._result import DemonstrationResult
from twoplayer.metrics._base import Modes
from twoplayer.metrics._modes import assign
from twoplayer.networks.mlp import MLP
from twoplayer.objectives._base import Objective
from twoplayer.objectives.minimax import Minimax
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers._base import Regularizer
from twoplayer.regularizers.gradient_penalty import GradientPenalty
from twoplayer.regularizers.r1 import R1

__all__ = ["GameOscillation"]

F_PRIME = 0.5
"""f′(0) of the logistic game: the gradient field of the Dirac-GAN has eigenvalues ±i f′(0) at its equilibrium."""
SAMPLES = 2500
READINGS = 12
RING = Ring(radius=2.0, deviation=0.05).density()
GENERATOR_RATE = 2e-3
CRITIC_RATES = {"equal rates": GENERATOR_RATE, "lagging critic": GENERATOR_RATE / 5}
"""Adam's rate of the generator on the ring, and the two of the critic: every method plays at both."""
PENALTY = (GradientPenalty(weight=0.1),)
METHODS: dict[str, tuple[Objective, tuple[Regularizer, ...], int]] = {
    "gan0": (Minimax(), (), 1),
    "gan1": (NonSaturating(), (), 1),
    "gan1, 5 steps": (NonSaturating(), (), 5),
    "wgan-gp": (Wasserstein(), PENALTY, 1),
    "wgan-gp, 5 steps": (Wasserstein(), PENALTY, 5),
}
"""Loss, regularizers, and critic steps per step."""


class GameOscillation(Demonstration):
    """A Dirac-GAN under simultaneous and alternating gradient descent, then five methods on a ring of 8 Gaussians.

    Args:
        dirac_steps: Steps of the Dirac-GAN, at least 1. Default 300.
        rate: Learning rate of the Dirac-GAN, 0 < rate <= 1. Default 0.2.
        gamma: Weight of R1 on the Dirac-GAN, at least 0, with rate·gamma < 1. Default 0.2.
        steps: Steps of each method on the ring, at least 1. Default 300.

    Raises:
        UserError: If rate·gamma is 1 or more.
    """

    statement: ClassVar[str] = (
        "Near the equilibrium of the Dirac-GAN the players' gradient field has eigenvalues ±i f′(0): gradient descent "
        "at rate h multiplies the distance by √(1 + h²f′(0)²) per step when the players move at once, by 1 when they "
        "take turns, and by √(1 − hγ) when they take turns under R1: only then does it converge. On a mixture of "
        "Gaussians a generator that learns faster than its critic moves from mode to mode in the same way. It stops "
        "when the critic learns as fast: by its learning rate or by more critic steps for the original losses; WGAN-GP "
        "needs both."
    )

    def __init__(
        self, *, dirac_steps: Count = 300, rate: Share = 0.2, gamma: NonNegative = 0.2, steps: Count = 300
    ) -> None:
        if rate * gamma >= 1:
            raise UserError(f"rate·gamma must be below 1, or R1 leaps over the equilibrium, not {rate * gamma:g}")
        self.dirac_steps, self.rate, self.gamma, self.steps = dirac_steps, rate, gamma, steps

    def run(self, result: DemonstrationResult) -> None:
        self._dirac(result)
        self._ring(result)

    def _dirac(self, result: DemonstrationResult) -> None:
        orbits = [
            self._orbit(name, objective, algorithm, rules)
            for name, objective in (("gan0", Minimax()), ("gan1", NonSaturating()))
            for algorithm, rules in ((_Simultaneous, ()), (Alternating, ()), (Alternating, (R1(gamma=self.gamma),)))
        ]
        result.add_text(
            "The Dirac-GAN: the data are the single point 0, the generator generates one number θ, the "
            f"critic is D(x) = ψ·x. Both players descend their gradients at rate {self.rate:g}, in the library's own "
            "game. Distances are taken along the eigenvector of the matrix of one step, where a linear step multiplies "
            "by the eigenvalue and nothing else."
        )
        factors = "; ".join(f"{o.factor:.4f} {o.how}" for o in orbits[3:])
        result.add_figure("Orbits of the Dirac-GAN", _orbits(orbits[3:]), caption=f"{_ORBITS}{factors}.")
        result.add_table(
            f"Factor and rotation per step, over {self.dirac_steps} steps",
            ("game", "players move", "factor", "|λ| − 1 predicted", "factor − 1", "rotation", "arg λ predicted"),
            [(o.name, o.how, o.factor, abs(o.value) - 1, o.factor - 1, o.rotation, np.angle(o.value)) for o in orbits],
            note=f"Rotation in radians per step; to first order h f′(0) = {self.rate * F_PRIME:g}.",
        )
        worst = max(orbits, key=lambda o: abs(o.factor - abs(o.value)))
        result.check_equal(
            "factor per step against the eigenvalue's, at worst", worst.factor, abs(worst.value), within=2e-5
        )
        worst = max(orbits, key=lambda o: abs(o.rotation - np.angle(o.value)))
        result.check_equal(
            "rotation against the eigenvalue's, at worst", worst.rotation, np.angle(worst.value), within=2e-5
        )
        drift = (self.rate * F_PRIME) ** 2 / 4
        result.check_at_least("simultaneous: distance gained per step", min(o.factor for o in orbits[::3]) - 1, drift)
        taking_turns = max((o.factor for o in orbits[1::3]), key=lambda f: abs(f - 1))
        result.check_equal("taking turns: factor per step (no convergence)", taking_turns, 1, within=2e-5)
        result.check_at_most("taking turns under R1: factor per step", max(o.factor for o in orbits[2::3]), 1 - drift)

    def _orbit(self, name: str, objective: Objective, algorithm: Any, rules: Sequence[Regularizer]) -> _Orbit:
        lab_game = LabGame(
            theory.Empirical([[0.0]]),
            objective,
            regularizers=rules,
            generator=DiracArchitecture(),
            critic=DiracArchitecture(),
            algorithm=algorithm,
            batch_size=1,
            optimizer=partial(torch.optim.SGD, lr=self.rate),
        )
        path = [_state(lab_game)]
        for _ in range(self.dirac_steps):
            lab_game.train(1)
            path.append(_state(lab_game))
        how = "at once" if algorithm is _Simultaneous else f"in turn, R1 {self.gamma:g}" if rules else "in turn"
        return _Orbit(name, how, np.array(path), self._matrix(algorithm is _Simultaneous, self.gamma if rules else 0.0))

    def _matrix(self, at_once: bool, gamma: float) -> Any:
        """One step on (θ, ψ), linear at the equilibrium."""
        h, a = self.rate, self.rate * F_PRIME
        critic, generator = np.array([[1, 0], [-a, 1 - h * gamma]]), np.array([[1, a], [0, 1]])
        return critic + generator - np.eye(2) if at_once else generator @ critic

    def _ring(self, result: DemonstrationResult) -> None:
        runs = {
            speed: {name: self._play(name, rate, result.seed) for name in METHODS}
            for speed, rate in CRITIC_RATES.items()
        }
        result.add_text(
            f"Eight Gaussians of deviation 0.05 on a circle of radius 2. The generator's rate is {GENERATOR_RATE:g}; "
            "each method plays twice, against a critic of the same rate and against one that lags at a fifth of it, "
            "with one critic step a round or five. What moves is the share of the mass that lies at another mode than "
            f"at the previous reading (total variation between the two histograms); a mode counts with one of "
            f"{SAMPLES:,} samples within 3 deviations."
        )
        for speed, methods in runs.items():
            result.add_figure(f"Samples over a training, {speed}", _clouds(list(methods.values())), caption=_CLOUDS)
        result.add_figure("Modes, quality and what moves", _curves(runs), caption=_CURVES)
        result.add_table(
            f"Over {self.steps} steps, {READINGS} readings",
            (
                "critic",
                "method",
                "modes, mean",
                "at the end",
                "high quality at the end",
                "change per reading",
                "at most",
            ),
            [
                (speed, r.name, r.mean_modes, r.modes[-1], r.quality[-1], r.mean_moved, max(r.moved))
                for speed, methods in runs.items()
                for r in methods.values()
            ],
        )
        self._check_ring(result, *runs.values())

    def _check_ring(self, result: DemonstrationResult, equal: dict[str, _Run], lagging: dict[str, _Run]) -> None:
        calm, late = [run for name, run in equal.items() if name != "wgan-gp"], slice(-READINGS // 3, None)
        moved = max(float(np.mean(r.moved[late])) for r in calm)
        modes = min(float(np.mean(r.modes[late])) for r in calm)
        result.check_at_most("equal rates, all but wgan-gp of one step: change per reading, last third", moved, 0.1)
        result.check_at_least("equal rates, the same: modes, last third", modes, 6)
        moved = min(max(lagging[name].moved) for name in ("gan0", "gan1"))
        result.check_at_least("lagging critic: mass that moves at most, lesser of gan0 and gan1", moved, 0.5)
        modes = min(equal[name].mean_modes - lagging[name].mean_modes for name in ("gan0", "gan1"))
        result.check_at_least("modes, mean, equal rates less lagging critic, lesser of gan0 and gan1", modes, 1)
        for name in ("gan0", "gan1", "wgan-gp, 5 steps"):
            more = lagging[name].mean_moved - equal[name].mean_moved
            result.check_at_least(f"{name}: change per reading, lagging critic less equal rates", more, 0.1)
        for name, methods, speed in (("gan1", lagging, "lagging critic"), ("wgan-gp", equal, "equal rates")):
            more = methods[name].mean_moved - methods[f"{name}, 5 steps"].mean_moved
            result.check_at_least(f"{name}, {speed}: change per reading, 1 critic step less 5", more, 0.1)

    def _play(self, name: str, critic_rate: float, seed: int) -> _Run:
        objective, rules, critic_steps = METHODS[name]
        modes = Modes(RING.modes, RING.mode_deviation, RING.mode_weights)
        network = MLP(filters=64, depth=2)
        lab_game = LabGame(
            RING,
            objective,
            regularizers=rules,
            generator=network,
            critic=network,
            algorithm=partial(Alternating, critic_steps=critic_steps),
            batch_size=128,
            learning_rate=GENERATOR_RATE,
            critic_learning_rate=critic_rate,
            seed=seed,
        )
        run = _Run(name)
        for reading in range(1, READINGS + 1):
            lab_game.train(round(self.steps * reading / READINGS) - lab_game.steps)
            run.record(lab_game.steps, lab_game.sample(SAMPLES), modes)
        return run


_ORBITS = (
    "(θ, ψ) of gan1 step by step, from the dot on; the cross is the equilibrium. The distance to it is multiplied "
    "per step by this, above 1 where the orbit winds outwards and below 1 where it winds inwards: "
)
_CLOUDS = (
    "Each row a method, each column a time; dots are samples, crosses the modes. Samples in one clump that stands "
    "elsewhere in the next column are a generator on the run; samples at all crosses at once cover the ring."
)
_CURVES = (
    "Over steps, one line per method: modes covered, share of samples of high quality, and share of the mass that "
    "changed its mode since the last reading. Above with equal rates, below with the lagging critic."
)


@dataclass(frozen=True)
class _Orbit:
    """A path of (θ, ψ) and the matrix of one linear step."""

    name: str
    how: str
    path: np.ndarray[Any, np.dtype[np.float64]]
    matrix: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def value(self) -> complex:
        """The eigenvalue of greatest modulus, on the side towards which the orbit turns."""
        return complex(self._leading()[0])

    @property
    def factor(self) -> float:
        along = np.abs(self._along())
        return float((along[-1] / along[0]) ** (1 / (len(along) - 1)))

    @property
    def rotation(self) -> float:
        phases = np.unwrap(np.angle(self._along()))
        return float((phases[-1] - phases[0]) / (len(phases) - 1))

    def _along(self) -> np.ndarray[Any, Any]:
        """The path in the left eigenvector's coordinate, which a step multiplies by the eigenvalue."""
        return np.asarray(self.path @ self._leading()[1])

    def _leading(self) -> tuple[Any, Any]:
        values, vectors = np.linalg.eig(self.matrix.T)
        first = int(np.lexsort((-values.imag, -np.abs(values).round(12)))[0])
        return values[first], vectors[:, first]


class _Run:
    """The readings of one training on the ring."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: list[int] = []
        self.clouds: list[Any] = []
        self.histograms: list[Any] = []
        self.modes: list[int] = []
        self.quality: list[float] = []

    def record(self, step: int, samples: Any, modes: Modes) -> None:
        assignment, count = assign(samples, modes), len(modes.centres)
        self.steps.append(step)
        self.clouds.append(samples)
        self.histograms.append(np.bincount(assignment.nearest, minlength=count) / len(samples))
        self.modes.append(int(np.count_nonzero(assignment.histogram(count))))
        self.quality.append(float(assignment.high_quality.mean()))

    @property
    def moved(self) -> list[float]:
        """Total variation between the mode histograms of successive readings."""
        return [float(np.abs(b - a).sum() / 2) for a, b in zip(self.histograms, self.histograms[1:], strict=False)]

    @property
    def mean_moved(self) -> float:
        return float(np.mean(self.moved))

    @property
    def mean_modes(self) -> float:
        return float(np.mean(self.modes))


@final
class _Simultaneous(Algorithm):
    """Simultaneous gradient descent: both gradients are taken before either player moves."""

    @property
    def sampler(self) -> nn.Module:
        return self.game.sampler

    def round(self, batches: Iterator[Batch]) -> StepRecord:
        batch = next(batches)
        generated = self.game.generate(batch)
        losses = {
            "critic": self.game.critic_loss(batch, generated),
            "generator": self.game.generator_loss(batch, generated),
        }
        gradients_by_player = {
            name: torch.autograd.grad(loss.total, self.parameters[name]) for name, loss in losses.items()
        }
        for name, gradients in gradients_by_player.items():
            for parameter, gradient in zip(self.parameters[name], gradients, strict=True):
                parameter.grad = gradient
            self.optimizers[name].step()
            self.updates[name] += 1
        return StepRecord({name: loss.total.detach() for name, loss in losses.items()})


def _state(lab_game: LabGame) -> list[float]:
    return [p.item() for player in ("generator", "critic") for p in lab_game.game.players[player].parameters()]


def _orbits(orbits: list[_Orbit]) -> Any:
    figure, axes = new_figure(1, len(orbits), height=2.6)
    for panel, orbit in zip(axes, orbits, strict=True):
        path = orbit.path / INITIAL_DISTANCE
        edge = 1.15 * float(np.abs(path).max())
        panel.plot(*path.T, "-", linewidth=0.9)
        panel.plot(*path[0], "o", color="#4a4843", markersize=5)
        panel.plot(0, 0, "x", color="#c65300", markersize=7)
        panel.set(title=orbit.how, xlabel="θ/θ₀", aspect="equal", xlim=(-edge, edge), ylim=(-edge, edge))
        panel.locator_params(nbins=5)
    axes[0].set_ylabel("ψ/θ₀")
    return figure


def _clouds(runs: list[_Run]) -> Any:
    columns = (0, 2, 4, 7, 11)
    figure, axes = new_figure(len(runs), len(columns), height=1.45, sharex=True, sharey=True)
    for row, run in enumerate(runs):
        for column, reading in enumerate(columns):
            panel = axes[row * len(columns) + column]
            panel.plot(*RING.modes.T, "+", color="#c65300", markersize=6)
            panel.plot(*run.clouds[reading][:400].T, ".", color="#0072b2", markersize=1.5, alpha=0.6)
            panel.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xticks=[], yticks=[])
            if row == 0:
                panel.set_title(f"step {run.steps[reading]}", fontsize=9)
        axes[row * len(columns)].set_ylabel(run.name.replace(", ", ",\n"), fontsize=8.5)
    return figure


def _curves(runs: dict[str, dict[str, _Run]]) -> Any:
    figure, axes = new_figure(len(runs), 3, height=2.5, sharex=True)
    for row, (speed, methods) in enumerate(runs.items()):
        panels = axes[3 * row : 3 * row + 3]
        panels[0].set(ylabel=speed, ylim=(0, 8.5))
        for run, marker in zip(methods.values(), ("o", "s", "^", "v", "d"), strict=True):
            curves: tuple[list[Any], ...] = (run.modes, run.quality, run.moved)
            for panel, values in zip(panels, curves, strict=True):
                panel.plot(run.steps[-len(values) :], values, marker=marker, markersize=3.5, label=run.name)
    for panel, title in zip(axes, ("modes covered", "high quality", "mass that moved"), strict=False):
        panel.set_title(title)
    figure.supxlabel("steps")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8.5)
    return figure
