"""Oscillation: two players who only follow their gradients circle, and modes come and go as they do

Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section 2 and 4.1
(the Dirac-GAN); Metz et al. 2017, "Unrolled Generative Adversarial Networks", section 3.1 (the ring).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer import theory
from twoplayer.algorithms._base import AdversarialAlgorithm, StepRecord
from twoplayer.algorithms.alternating import Alternating
from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, Share
from twoplayer.data.ring import Ring
from twoplayer.games._problem import BatchStream
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import LabGame
from twoplayer.lab._result import DemonstrationResult
from twoplayer.metrics._base import Modes
from twoplayer.metrics._modes import assign
from twoplayer.networks._base import Architecture, Critic, Generator
from twoplayer.networks.mlp import MLP
from twoplayer.objectives._base import Objective
from twoplayer.objectives.minimax import Minimax
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import sheet
from twoplayer.regularizers._base import Regularizer
from twoplayer.regularizers.gradient_penalty import GradientPenalty
from twoplayer.regularizers.r1 import R1

__all__ = ["GameOscillation"]

SLOPE = 0.5
"""f′(0) of the logistic game: the gradient field of the Dirac-GAN has eigenvalues ±i f′(0) at its equilibrium."""
START = 0.01
"""Distance from the equilibrium at the start; what is not linear counts as its square."""
SAMPLES = 2500
LOOKS = 12
RING = Ring(radius=2.0, deviation=0.05).density()
RATE = 2e-3
SPEEDS = {"equal rates": RATE, "lagging critic": RATE / 5}
"""Adam's rate of the generator on the ring, and the two of the critic: every method plays at both."""
PENALTY = (GradientPenalty(weight=0.1),)
METHODS: dict[str, tuple[Objective, tuple[Regularizer, ...], int]] = {
    "gan0": (Minimax(), (), 1),
    "gan1": (NonSaturating(), (), 1),
    "gan1, 5 steps": (NonSaturating(), (), 5),
    "wgan-gp": (Wasserstein(), PENALTY, 1),
    "wgan-gp, 5 steps": (Wasserstein(), PENALTY, 5),
}
"""Loss, regularizers, and critic steps a round."""


class GameOscillation(Demonstration):
    """A Dirac-GAN for `turns` rounds at `rate` (with R1 of weight `gamma`), then a ring of 8 Gaussians for `rounds`."""

    statement: ClassVar[str] = (
        "Near the equilibrium of the Dirac-GAN the players' gradient field has eigenvalues ±i f′(0): gradient descent "
        "at rate h multiplies the distance by √(1 + h²f′(0)²) a round when the players move at once, by 1 when they "
        "take turns, and by √(1 − hγ) when they take turns under R1: only then does it converge. On a mixture of "
        "Gaussians the same chase sends a generator that outruns its critic from mode to mode. It ends as the critic "
        "keeps up: by its rate or by more steps a round for the original losses; WGAN-GP needs both."
    )

    def __init__(self, *, turns: Count = 300, rate: Share = 0.2, gamma: NonNegative = 0.2, rounds: Count = 300) -> None:
        if rate * gamma >= 1:
            raise UserError(f"rate·gamma must be below 1, or R1 leaps over the equilibrium, not {rate * gamma:g}")
        self.turns, self.rate, self.gamma, self.rounds = turns, rate, gamma, rounds

    def show(self, findings: DemonstrationResult) -> None:
        self._dirac(findings)
        self._ring(findings)

    def _dirac(self, findings: DemonstrationResult) -> None:
        orbits = [
            self._orbit(name, objective, algorithm, rules)
            for name, objective in (("gan0", Minimax()), ("gan1", NonSaturating()))
            for algorithm, rules in ((_Simultaneous, ()), (Alternating, ()), (Alternating, (R1(gamma=self.gamma),)))
        ]
        findings.say(
            "The Dirac-GAN: the data are the single point 0, the generator is one number θ that it always draws, the "
            f"critic is D(x) = ψ·x. Both players descend their gradients at rate {self.rate:g}, in the library's own "
            "game. Distances are taken along the eigenvector of one round's matrix, where a linear round multiplies by "
            "the eigenvalue and nothing else."
        )
        factors = "; ".join(f"{o.factor:.4f} {o.how}" for o in orbits[3:])
        findings.picture("Orbits of the Dirac-GAN", _orbits(orbits[3:]), caption=f"{_ORBITS}{factors}.")
        findings.table(
            f"Factor and rotation per round, over {self.turns} rounds",
            ("game", "players move", "factor", "|λ| − 1 predicted", "factor − 1", "rotation", "arg λ predicted"),
            [(o.name, o.how, o.factor, abs(o.value) - 1, o.factor - 1, o.rotation, np.angle(o.value)) for o in orbits],
            note=f"Rotation in radians per round; to first order h f′(0) = {self.rate * SLOPE:g}.",
        )
        worst = max(orbits, key=lambda o: abs(o.factor - abs(o.value)))
        findings.equal(
            "factor per round against the eigenvalue's, at worst", worst.factor, abs(worst.value), within=2e-5
        )
        worst = max(orbits, key=lambda o: abs(o.rotation - np.angle(o.value)))
        findings.equal(
            "rotation against the eigenvalue's, at worst", worst.rotation, np.angle(worst.value), within=2e-5
        )
        drift = (self.rate * SLOPE) ** 2 / 4
        findings.at_least("simultaneous: distance gained per round", min(o.factor for o in orbits[::3]) - 1, drift)
        taking_turns = max((o.factor for o in orbits[1::3]), key=lambda f: abs(f - 1))
        findings.equal("taking turns: factor per round (never arrives)", taking_turns, 1, within=2e-5)
        findings.at_most("taking turns under R1: factor per round", max(o.factor for o in orbits[2::3]), 1 - drift)

    def _orbit(self, name: str, objective: Objective, algorithm: Any, rules: Sequence[Regularizer]) -> _Orbit:
        match = LabGame(
            theory.Empirical([[0.0]]),
            objective,
            regularizers=rules,
            generator=_Dirac(),
            critic=_Dirac(),
            algorithm=algorithm,
            batch=1,
            optimizer=partial(torch.optim.SGD, lr=self.rate),
        )
        path = [_state(match)]
        for _ in range(self.turns):
            match.play(1)
            path.append(_state(match))
        how = "at once" if algorithm is _Simultaneous else f"in turn, R1 {self.gamma:g}" if rules else "in turn"
        return _Orbit(name, how, np.array(path), self._matrix(algorithm is _Simultaneous, self.gamma if rules else 0.0))

    def _matrix(self, at_once: bool, gamma: float) -> Any:
        """One round on (θ, ψ), linear at the equilibrium."""
        h, a = self.rate, self.rate * SLOPE
        critic, generator = np.array([[1, 0], [-a, 1 - h * gamma]]), np.array([[1, a], [0, 1]])
        return critic + generator - np.eye(2) if at_once else generator @ critic

    def _ring(self, findings: DemonstrationResult) -> None:
        runs = {
            speed: {name: self._play(name, rate, findings.seed) for name in METHODS} for speed, rate in SPEEDS.items()
        }
        findings.say(
            f"Eight Gaussians of deviation 0.05 on a circle of radius 2. The generator's rate is {RATE:g}; each method "
            "plays twice, against a critic of the same rate and against one that lags at a fifth of it, with one "
            "critic step a round or five. What moves is the share of the mass that lies at another mode than at the "
            f"look before (total variation between the two histograms); a mode counts with one of {SAMPLES:,} samples "
            "within 3 deviations."
        )
        for speed, methods in runs.items():
            findings.picture(f"Samples over a training, {speed}", _clouds(list(methods.values())), caption=_CLOUDS)
        findings.picture("Modes, quality and what moves", _courses(runs), caption=_COURSES)
        findings.table(
            f"Over {self.rounds} rounds, {LOOKS} looks",
            ("critic", "method", "modes, mean", "at the end", "high quality at the end", "moves per look", "at most"),
            [
                (speed, r.name, r.mean_modes, r.modes[-1], r.quality[-1], r.mean_moved, max(r.moved))
                for speed, methods in runs.items()
                for r in methods.values()
            ],
        )
        self._kept_up(findings, *runs.values())

    def _kept_up(self, findings: DemonstrationResult, equal: dict[str, _Run], lagging: dict[str, _Run]) -> None:
        calm, late = [run for name, run in equal.items() if name != "wgan-gp"], slice(-LOOKS // 3, None)
        moved = max(float(np.mean(r.moved[late])) for r in calm)
        modes = min(float(np.mean(r.modes[late])) for r in calm)
        findings.at_most("equal rates, all but wgan-gp of one step: moves per look, last third", moved, 0.1)
        findings.at_least("equal rates, the same: modes, last third", modes, 6)
        moved = min(max(lagging[name].moved) for name in ("gan0", "gan1"))
        findings.at_least("lagging critic: mass that moves at most, lesser of gan0 and gan1", moved, 0.5)
        modes = min(equal[name].mean_modes - lagging[name].mean_modes for name in ("gan0", "gan1"))
        findings.at_least("modes, mean, equal rates less lagging critic, lesser of gan0 and gan1", modes, 1)
        for name in ("gan0", "gan1", "wgan-gp, 5 steps"):
            more = lagging[name].mean_moved - equal[name].mean_moved
            findings.at_least(f"{name}: moves per look, lagging critic less equal rates", more, 0.1)
        for name, methods, speed in (("gan1", lagging, "lagging critic"), ("wgan-gp", equal, "equal rates")):
            more = methods[name].mean_moved - methods[f"{name}, 5 steps"].mean_moved
            findings.at_least(f"{name}, {speed}: moves per look, 1 critic step less 5", more, 0.1)

    def _play(self, name: str, critic_rate: float, seed: int) -> _Run:
        objective, rules, critic_steps = METHODS[name]
        modes = Modes(RING.modes, RING.mode_deviation, RING.mode_weights)
        network = MLP(filters=64, depth=2)
        match = LabGame(
            RING,
            objective,
            regularizers=rules,
            generator=network,
            critic=network,
            algorithm=partial(Alternating, critic_steps=critic_steps),
            batch=128,
            rate=RATE,
            critic_rate=critic_rate,
            seed=seed,
        )
        run = _Run(name)
        for look in range(1, LOOKS + 1):
            match.play(round(self.rounds * look / LOOKS) - match.rounds)
            run.look(match.rounds, match.sample(SAMPLES), modes)
        return run


_ORBITS = (
    "(θ, ψ) of gan1 round by round, from the dot on; the cross is the equilibrium. The distance to it is multiplied "
    "per round by this, above 1 where the orbit winds outwards and below 1 where it winds inwards: "
)
_CLOUDS = (
    "Each row a method, each column a time; dots are samples, crosses the modes. Samples in one clump that stands "
    "elsewhere in the next column are a generator on the run; samples at all crosses at once cover the ring."
)
_COURSES = (
    "Over rounds, one line per method: modes covered, share of samples of high quality, and share of the mass that "
    "changed its mode since the last look. Above with equal rates, below with the lagging critic."
)


@dataclass(frozen=True)
class _Orbit:
    """A path of (θ, ψ) and the matrix that one round should be."""

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
        """The path in the left eigenvector's coordinate, which a round multiplies by the eigenvalue."""
        return np.asarray(self.path @ self._leading()[1])

    def _leading(self) -> tuple[Any, Any]:
        values, vectors = np.linalg.eig(self.matrix.T)
        first = int(np.lexsort((-values.imag, -np.abs(values).round(12)))[0])
        return values[first], vectors[:, first]


class _Run:
    """What was seen of one training on the ring."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rounds: list[int] = []
        self.clouds: list[Any] = []
        self.histograms: list[Any] = []
        self.modes: list[int] = []
        self.quality: list[float] = []

    def look(self, rounds: int, samples: Any, modes: Modes) -> None:
        found, count = assign(samples, modes), len(modes.centres)
        self.rounds.append(rounds)
        self.clouds.append(samples)
        self.histograms.append(np.bincount(found.nearest, minlength=count) / len(samples))
        self.modes.append(int(np.count_nonzero(found.histogram(count))))
        self.quality.append(float(found.high_quality.mean()))

    @property
    def moved(self) -> list[float]:
        """Total variation between the mode histograms of neighbouring looks."""
        return [float(np.abs(b - a).sum() / 2) for a, b in zip(self.histograms, self.histograms[1:], strict=False)]

    @property
    def mean_moved(self) -> float:
        return float(np.mean(self.moved))

    @property
    def mean_modes(self) -> float:
        return float(np.mean(self.modes))


@final
class _Place(Generator):
    """Draws θ, whatever the latents."""

    def __init__(self) -> None:
        super().__init__()
        self.latent_dim, self.shape = 1, (1,)
        self.place = nn.Parameter(torch.tensor(START))

    def forward(self, latents: Tensor) -> Tensor:
        return self.place.expand(len(latents), 1)


@final
class _Line(Critic):
    """D(x) = ψ·x."""

    def __init__(self) -> None:
        super().__init__()
        self.output: Literal["score", "energy"] = "score"
        self.shape = (1,)
        self.slope = nn.Parameter(torch.tensor(0.0))

    def features(self, samples: Tensor) -> Tensor:
        return samples

    def forward(self, samples: Tensor) -> Tensor:
        return self.slope * samples[:, 0]


@final
class _Dirac(Architecture):
    """The two players of the Dirac-GAN (definition 2.1)."""

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return _Place()

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return _Line()


@final
class _Simultaneous(AdversarialAlgorithm):
    """Both players move at once, each by its gradient at the same place."""

    @property
    def sampler(self) -> nn.Module:
        return self.game.sampler

    def step(self, batches: BatchStream) -> StepRecord:
        batch = next(batches)
        generated = self.game.generate(batch)
        losses = {
            "critic": self.game.critic_loss(batch, generated),
            "generator": self.game.generator_loss(batch, generated),
        }
        found = {name: torch.autograd.grad(loss.total, self.parameters[name]) for name, loss in losses.items()}
        for name, gradients in found.items():
            for parameter, gradient in zip(self.parameters[name], gradients, strict=True):
                parameter.grad = gradient
            self.optimizers[name].step()
            self.updates[name] += 1
        return StepRecord({name: loss.total.detach() for name, loss in losses.items()})


def _state(match: LabGame) -> list[float]:
    return [p.item() for player in ("generator", "critic") for p in match.game.players[player].parameters()]


def _orbits(orbits: list[_Orbit]) -> Any:
    figure, axes = sheet(1, len(orbits), height=2.6)
    for panel, orbit in zip(axes, orbits, strict=True):
        path = orbit.path / START
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
    figure, axes = sheet(len(runs), len(columns), height=1.45, sharex=True, sharey=True)
    for row, run in enumerate(runs):
        for column, look in enumerate(columns):
            panel = axes[row * len(columns) + column]
            panel.plot(*RING.modes.T, "+", color="#c65300", markersize=6)
            panel.plot(*run.clouds[look][:400].T, ".", color="#0072b2", markersize=1.5, alpha=0.6)
            panel.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xticks=[], yticks=[])
            if row == 0:
                panel.set_title(f"round {run.rounds[look]}", fontsize=9)
        axes[row * len(columns)].set_ylabel(run.name.replace(", ", ",\n"), fontsize=8.5)
    return figure


def _courses(runs: dict[str, dict[str, _Run]]) -> Any:
    figure, axes = sheet(len(runs), 3, height=2.5, sharex=True)
    for row, (speed, methods) in enumerate(runs.items()):
        panels = axes[3 * row : 3 * row + 3]
        panels[0].set(ylabel=speed, ylim=(0, 8.5))
        for run, marker in zip(methods.values(), ("o", "s", "^", "v", "d"), strict=True):
            courses: tuple[list[Any], ...] = (run.modes, run.quality, run.moved)
            for panel, values in zip(panels, courses, strict=True):
                panel.plot(run.rounds[-len(values) :], values, marker=marker, markersize=3.5, label=run.name)
    for panel, title in zip(axes, ("modes covered", "high quality", "mass that moved"), strict=False):
        panel.set_title(title)
    figure.supxlabel("rounds")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8.5)
    return figure
