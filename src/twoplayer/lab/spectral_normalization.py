"""Spectral normalization: power iteration finds the largest singular value, and their product bounds the critic's slope

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", eq. 7 and Algorithm 1; the
rate of power iteration after Golub & Van Loan 2013, "Matrix Computations", theorem 8.2.1.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from twoplayer import theory
from twoplayer.core.ranges import Count, Share
from twoplayer.core.rng import derive, numpy_generator, torch_generator
from twoplayer.data.ring import Ring
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import fit_critic, input_gradients, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.hinge import Hinge
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers.spectral_norm import SpectralNorm

__all__ = ["SpectralNormalization"]

GAPS = (0.5, 0.8, 0.95)
"""σ₂/σ₁ of the three matrices."""
SHAPE = (24, 16)
ITERATIONS = 200
ROUNDING_TOLERANCE = 1e-12
READINGS = 40
"""Number of readings of a critic in training."""
WIDTH, LAYERS = 64, 4
BOUND_TOLERANCE = 0.25
"""Largest excess of the product of norms over 1 in training. σ̂ lags where another singular value overtakes the tracked
one, since the iteration starts with next to no share in the new direction; no theorem says by how much at most."""


class SpectralNormalization(Demonstration):
    """Power iteration on three matrices, then critics with and without spectral normalization.

    Args:
        steps: Steps of each critic, at least 1. Default 500.
        rate: Learning rate of the critics, 0 < rate <= 1. Default 0.0002, the paper's.
    """

    statement: ClassVar[str] = (
        "One power iteration shrinks the direction's error by (σ₂/σ₁)² and that of σ̂ = uᵀWv ≤ σ₁ by (σ₂/σ₁)⁴. With "
        "activations of slope at most 1 a critic's Lipschitz constant is at most Π σ(Wₗ); W/σ̂ makes that bound 1, but "
        "for what one iteration per training step lags behind weights that move."
    )

    def __init__(self, *, steps: Count = 500, rate: Share = 2e-4) -> None:
        self.steps, self.rate = steps, rate

    def run(self, result: DemonstrationResult) -> None:
        runs = [_power(gap, numpy_generator(result.seed, "matrix", k)) for k, gap in enumerate(GAPS)]
        self._matrices(result, runs)
        plain, normalized = (self._train(regularizers, result.seed) for regularizers in ((), (SpectralNorm(),)))
        self._trained(result, plain, normalized)

    def _matrices(self, result: DemonstrationResult, runs: list[_Power]) -> None:
        result.add_text(
            f"Three matrices of {SHAPE[0]}x{SHAPE[1]} with σ₁ = 1 and σ₂ as below, all others at most σ₂/2. The "
            "library's own `spectral-norm` iterates on each from a random start; the singular value decomposition says "
            "how far it is."
        )
        result.add_figure("Power iteration against the decomposition", _errors_plot(runs), caption=_FALLS)
        result.add_table(
            "Error per iteration",
            ("σ₂/σ₁", "σ̂ shrinks by", "(σ₂/σ₁)⁴", "direction shrinks by", "(σ₂/σ₁)²", "iterations to 1 %"),
            [(r.gap, r.value_rate, r.gap**4, r.angle_rate, r.gap**2, r.first_below(0.01)) for r in runs],
        )
        error = max(float(np.abs(r.estimates - r.predicted).max()) for r in runs)
        result.check_equal("σ̂ against its closed form, at worst", error, 0, within=ROUNDING_TOLERANCE)
        above = max(float(r.estimates.max()) - 1 for r in runs)
        result.check_at_most("σ̂ above σ₁, at most", above, 0, within=ROUNDING_TOLERANCE)
        rates = max((r.value_rate / r.gap**4 for r in runs), key=lambda q: abs(q - 1))
        result.check_equal("rate of σ̂ over (σ₂/σ₁)⁴, at worst", rates, 1, within=0.01)
        rates = max((r.angle_rate / r.gap**2 for r in runs), key=lambda q: abs(q - 1))
        result.check_equal("rate of the direction over (σ₂/σ₁)², at worst", rates, 1, within=0.01)

    def _train(self, regularizers: tuple[SpectralNorm, ...], seed: int) -> _Trained:
        real, fake = Ring(radius=1.4, deviation=0.1).density(), theory.Gaussian([0.0, 0.0], 1.0)
        critic, readings = small_critic(2, seed=seed, filters=WIDTH, depth=LAYERS - 1), []
        interval = max(1, self.steps // READINGS)

        def record(step: int) -> None:
            if step % interval == 0 or step == self.steps:
                readings.append(_measure(critic, step, seed))

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "iterations"))
            fit_critic(
                critic,
                Hinge(),
                real,
                fake,
                steps=self.steps,
                regularizers=regularizers,
                learning_rate=self.rate,
                batch_size=256,
                seed=seed,
                callback=record,
            )
            return _Trained(readings, _measure(_normalized(critic), self.steps, seed))

    def _trained(self, result: DemonstrationResult, plain: _Trained, normalized: _Trained) -> None:
        result.add_text(
            f"Then a critic with three hidden layers of {WIDTH} leaky ReLU units learns to tell a ring of Gaussians "
            "from a round one, by the hinge. Its Lipschitz constant is sought among 2,000 points of the square "
            "[−3, 3]² and by climbing from the steepest of them; its bound is the product of its layers' norms by "
            "decomposition."
        )
        result.add_figure("Bound and measured slope in training", _slopes_plot(plain, normalized), caption=_GROWTH)
        first, last, after, normalized_end = (
            plain.readings[0],
            plain.readings[-1],
            plain.normalized,
            normalized.readings[-1],
        )
        loose = max(normalized.readings, key=lambda k: k.bound)
        result.add_table(
            "Slope and bound",
            ("critic", "measured slope", "product of norms", *[f"σ of layer {k}" for k in range(1, LAYERS + 1)]),
            [
                (name, reading.slope, reading.bound, *reading.norms)
                for name, reading in (
                    ("untrained", first),
                    ("trained freely", last),
                    ("the same, normalized afterwards", after),
                    (f"with spectral-norm, at its loosest (step {loose.step})", loose),
                    ("trained with spectral-norm", normalized_end),
                )
            ],
        )
        everything = [*plain.readings, *normalized.readings, after]
        result.check_at_most(
            "slope over product of norms, at worst", max(k.slope / k.bound for k in everything), 1, within=1e-5
        )
        result.check_at_least("free critic: slope at the end", last.slope, 1.0)
        result.check_equal("normalized afterwards: product of norms", after.bound, 1, within=BOUND_TOLERANCE)
        result.check_equal("spectral-norm: product of norms at the end", normalized_end.bound, 1, within=0.05)
        result.check_at_most("spectral-norm: product of norms at any time", loose.bound, 1, within=BOUND_TOLERANCE)
        steepest = max(k.slope for k in normalized.readings)
        result.check_at_most("spectral-norm: slope at any time", steepest, 1)


_FALLS = (
    "The error of σ̂ (left) and of the direction (right) by iteration, on a logarithmic axis, where a constant factor "
    "is a straight line. One marker per matrix; the thin dotted lines through the last points have the slopes that "
    "theory gives."
)
_GROWTH = (
    "The product of the layers' norms, which bounds the slope, and the steepest slope found, over a training. Left, "
    "logarithmic, without normalization; right with one power iteration per step, where the bound is to be 1 but for "
    "what the iteration lags behind weights that move."
)


@dataclass(frozen=True)
class _Power:
    """One matrix's iterations: estimate, closed form and sine of the angle to v₁ after 1, 2, ... of them."""

    gap: float
    estimates: np.ndarray[Any, np.dtype[np.float64]]
    predicted: np.ndarray[Any, np.dtype[np.float64]]
    angles: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def errors(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return 1 - self.estimates

    @property
    def value_rate(self) -> float:
        return _rate(self.errors)

    @property
    def angle_rate(self) -> float:
        return _rate(self.angles)

    def first_below(self, error: float) -> int:
        return int(np.argmax(self.errors < error)) + 1


@dataclass(frozen=True)
class _SlopeReading:
    """A critic at one time: the steepest slope found, and its layers' norms."""

    step: int
    slope: float
    norms: Sequence[float]

    @property
    def bound(self) -> float:
        return math.prod(self.norms)


@dataclass(frozen=True)
class _Trained:
    """A training, and its last critic after normalization."""

    readings: list[_SlopeReading]
    normalized: _SlopeReading


def _power(gap: float, random: np.random.Generator) -> _Power:
    """Algorithm 1 on a matrix of singular values 1, gap, and less, as the library runs it."""
    rows, columns = SHAPE
    left, right = (np.linalg.qr(random.normal(size=(n, columns)))[0] for n in SHAPE)
    values = np.array([1.0, gap, *gap * np.linspace(0.5, 0, columns - 2)])
    layer = nn.Linear(columns, rows, bias=False, dtype=torch.float64)
    weight = torch.from_numpy(left * values @ right.T)
    # A fair share in every direction: a start with next to none in the first two has no rate to measure.
    start = left @ (random.uniform(0.5, 1.5, columns) * random.choice((-1.0, 1.0), columns))
    with torch.no_grad():
        layer.weight.copy_(weight)
    estimates, angles = [], []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        SpectralNorm().install(layer)
        tracked: Any = layer.parametrizations.weight[0]  # type: ignore[union-attr, index]
        tracked.u.copy_(torch.from_numpy(start / np.linalg.norm(start)))
        for _ in range(ITERATIONS):
            estimates.append(float(weight.norm() / layer.weight.norm()))
            v = tracked.v.numpy()
            angles.append(float(np.linalg.norm(v - right[:, 0] * (right[:, 0] @ v))))
    steps, weights = np.arange(1, ITERATIONS + 1)[:, None], (start @ left) ** 2
    squares = (weights * values ** (4 * steps)).sum(1) / (weights * values ** (4 * steps - 2)).sum(1)
    return _Power(gap, np.array(estimates), np.sqrt(squares), np.array(angles))


def _rate(errors: np.ndarray[Any, Any]) -> float:
    """The factor per iteration, from where lesser singular values no longer count to where rounding begins to."""
    (usable,) = np.nonzero((errors < 1e-3) & (errors > 1e-10) & (np.arange(len(errors)) >= 4))
    return float((errors[usable[-1]] / errors[usable[0]]) ** (1 / (usable[-1] - usable[0])))


def _measure(critic: nn.Module, step: int, seed: int) -> _SlopeReading:
    critic.eval()  # a reading must not iterate
    norms = [
        float(torch.linalg.matrix_norm(m.weight.detach(), 2)) for m in critic.modules() if isinstance(m, nn.Linear)
    ]
    reading = _SlopeReading(step, _steepest(critic, torch_generator(seed, "steepest", step)), norms)
    critic.train()
    return reading


def _steepest(critic: nn.Module, random: torch.Generator) -> float:
    """The greatest ‖∇D‖ found; leaky ReLU makes it piecewise constant, so the climb is by ever smaller random steps."""
    points, best, width = 6 * torch.rand(2000, 2, generator=random) - 3, 0.0, 0.5
    for _ in range(5):
        steep = input_gradients(critic, points).norm(dim=1)
        best = max(best, float(steep.max()))
        top = points[steep.topk(40).indices].repeat(15, 1)
        points, width = top + width * torch.randn(top.shape, generator=random), width / 3
    return best


def _normalized(critic: nn.Module) -> nn.Module:
    """A copy whose layers are divided by their norms now, if they were not before."""
    normalized = copy.deepcopy(critic)
    SpectralNorm().install(normalized)
    return normalized


def _errors_plot(runs: list[_Power]) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.3, sharey=True)
    steps = np.arange(1, 41)
    for axes, title, errors, power in (
        (left, "1 − σ̂/σ₁", [r.errors for r in runs], 4),
        (right, "sine of the angle to v₁", [r.angles for r in runs], 2),
    ):
        for run, error, marker in zip(runs, errors, ("o", "s", "^"), strict=True):
            visible = np.where(error[:40] > 1e-14, error[:40], np.nan)
            (line,) = axes.semilogy(steps, visible, marker, markersize=3.5, label=f"σ₂/σ₁ = {run.gap:g}")
            anchor = int(np.nonzero(error[:40] > 1e-13)[0][-1])
            guide = error[anchor] * run.gap ** (power * (steps - 1.0 - anchor))
            axes.semilogy(steps, np.where(guide < 1, guide, np.nan), ":", color=line.get_color(), linewidth=1)
        axes.set(title=title, xlabel="iterations", ylim=(1e-14, 3))
    left.legend(fontsize=8.5)
    return figure


def _slopes_plot(plain: _Trained, normalized: _Trained) -> Any:
    figure, panels = new_figure(1, 2, height=3.2)
    for axes, trained, title in zip(panels, (plain, normalized), ("without", "with spectral-norm"), strict=True):
        steps = [reading.step for reading in trained.readings]
        axes.plot(steps, [reading.bound for reading in trained.readings], label="product of norms")
        axes.plot(steps, [reading.slope for reading in trained.readings], label="slope found")
        axes.set(title=title, xlabel="critic steps")
        axes.legend(fontsize=8.5)
    panels[0].set_yscale("log")
    panels[1].set_ylim(0, 1.3)
    return figure
