"""Vanishing gradients: the better the critic, the less the generator learns, and how instance noise prevents it

Source: Arjovsky & Bottou 2017, "Towards Principled Methods for Training Generative Adversarial Networks", theorems 2.4
to 2.6, section 3, figures 2 and 3; Sønderby et al. 2016, "Amortised MAP Inference for Image Super-resolution", 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Count, NonNegative, Positive
from twoplayer.core.rng import derive, torch_generator
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import fit_critic, small_critic
from twoplayer.lab._result import DemonstrationResult
from twoplayer.networks.mlp import MLP
from twoplayer.objectives._base import Objective
from twoplayer.objectives.minimax import Minimax
from twoplayer.objectives.non_saturating import NonSaturating
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers._base import Regularizer
from twoplayer.regularizers.gradient_penalty import GradientPenalty
from twoplayer.regularizers.instance_noise import InstanceNoise

__all__ = ["VanishingGradients"]

LATENT_COUNT = 512
"""Number of latents on which every gradient is taken, the same for all critics."""
CURVE_NODES = 256
"""Gauss-Legendre nodes along the curve: the exact optimal critic under noise is a ratio of two sums over them."""
MIN_ORDERS_LOST = 2.0
"""Orders of magnitude that the saturating gradient must lose; figure 2 of the paper shows 5 in 4,000 steps."""
MIN_ORDERS_GAINED = 1.0
"""Orders of magnitude that the gradient of −log D, and its variance, must gain."""
WASSERSTEIN_STEPS = 300
"""Steps of the Wasserstein critic, whose steps are slow and which converges earlier."""
GRADIENT_TOLERANCE = 0.25
"""Relative error that is allowed of the generator's gradient from a trained critic."""


class VanishingGradients(Demonstration):
    """The generator's gradient from critics in training, where data and model are a curve and its translate.

    Args:
        steps: Steps of each critic, at least 1. Default 1000.
        critics: Number of critics, over which the variance is taken, at least 2. Default 3.
        distance: Length of the translation, at least 0. Default 2.
        deviation: Standard deviation of the instance noise, more than 0. Default 1.

    Raises:
        UserError: If there are fewer than 2 critics.
    """

    statement: ClassVar[str] = (
        "Where the supports are disjoint and the critic is within ε of perfect, ‖∇ E log(1 − D(g(z)))‖ ≤ M ε/(1 − ε) "
        "with M² = E‖J g(z)‖²: the saturating gradient vanishes as the critic learns. The gradient of −log D does not, "
        "but it grows, and with it its variance over critics. Noise on both sides makes the supports overlap, and the "
        "gradient tends to that of the optimal critic, which is not zero."
    )

    def __init__(
        self, *, steps: Count = 1000, critics: Count = 3, distance: NonNegative = 2.0, deviation: Positive = 1.0
    ) -> None:
        if critics < 2:
            raise UserError(f"critics must be at least 2, since the variance over critics is measured, not {critics}")
        self.steps, self.critics, self.distance, self.deviation = steps, critics, distance, deviation

    def run(self, result: DemonstrationResult) -> None:
        scene = _Scene(self.distance, self.deviation, result.seed)
        times = _times(self.steps)
        noise = InstanceNoise(std=self.deviation, fade_steps=0)
        seeds = [derive(result.seed, "critic", k) for k in range(self.critics)]
        plain = [self._measure_in_training(scene, Minimax(), (), times, seed) for seed in seeds]
        noisy = self._measure_in_training(scene, Minimax(), (noise,), times, seeds[0])
        wasserstein = self._measure_in_training(
            scene, Wasserstein(), (GradientPenalty(),), times, seeds[0], WASSERSTEIN_STEPS
        )
        curves = {
            "bound": [float(np.mean([c[t].bound for c in plain])) for t in range(len(times))],
            "saturating": [float(np.mean([c[t].minimax.norm() for c in plain])) for t in range(len(times))],
            "logd": [float(np.mean([c[t].logd.norm() for c in plain])) for t in range(len(times))],
            "variance": [_variance([c[t].logd for c in plain]) for t in range(len(times))],
            "noisy": [float(reading.blurred.norm()) for reading in noisy],
            "wasserstein": [float(reading.linear.norm()) for reading in wasserstein],
        }
        result.add_text(
            "The generator is fixed: it bends a line of latents into a curve in the plane. The data are that curve "
            f"moved by {self.distance:g}, {scene.gap:.2f} away at the nearest. Critics are trained from scratch on "
            f"fresh samples, and on {LATENT_COUNT} fixed latents the gradient that the generator would get is measured "
            "as they learn."
        )
        result.add_figure("The generator's gradient as the critic learns", _curves(times, curves), caption=_CAPTION)
        # A theorem, reported and not checked: both sides are taken on the same latents, and it holds for any critic.
        share = max(
            (
                float(reading.minimax.norm()) / reading.bound
                for readings in plain
                for reading in readings
                if reading.bound > 0
            ),
            default=0.0,
        )
        self._tables(result, scene, times, curves, (noisy[-1].blurred, wasserstein[-1].linear), share)
        self._vanishing(result, scene, curves)
        self._recovered(result, scene, noisy[-1].blurred, wasserstein[-1].linear)

    def _measure_in_training(
        self,
        scene: _Scene,
        objective: Objective,
        regularizers: tuple[Regularizer, ...],
        times: list[int],
        seed: int,
        max_steps: int = 10**9,
    ) -> list[_GradientReading]:
        steps = min(self.steps, max_steps)
        critic, readings = small_critic(2, seed=seed, filters=64, depth=2), []

        def record(step: int) -> None:
            if step in times:
                readings.append(scene.measure(critic))

        fit_critic(
            critic,
            objective,
            scene.data,
            scene.model,
            steps=steps,
            regularizers=regularizers,
            batch_size=128,
            learning_rate=3e-3,
            seed=seed,
            callback=record,
        )
        return readings

    def _tables(
        self,
        result: DemonstrationResult,
        scene: _Scene,
        times: list[int],
        curves: dict[str, list[float]],
        last: tuple[Tensor, Tensor],
        share: float,
    ) -> None:
        wasserstein = dict(zip(times, curves["wasserstein"], strict=False))
        rows = [t for t, step in enumerate(times) if step in (0, 1, 10, 50, 200, WASSERSTEIN_STEPS, self.steps)]
        result.add_table(
            "Norm of the generator's gradient",
            (
                "critic steps",
                "log(1 − D)",
                "bound M ε/(1 − ε)",
                "−log D",
                "variance of −log D",
                "with noise",
                "Wasserstein",
            ),
            [
                (
                    times[t],
                    *[curves[k][t] for k in ("saturating", "bound", "logd", "variance", "noisy")],
                    wasserstein.get(times[t]),
                )
                for t in rows
            ],
            note=f"The first four are means over {self.critics} critics, the variance E‖g − E g‖² over the same. Noise "
            f"has deviation {self.deviation:g}; the Wasserstein critic is under gradient penalty. At most, the "
            f"saturating gradient is {share:.2g} of its bound.",
        )
        exact = scene.blurred(scene.optimal), scene.gradient(Wasserstein(), scene.potential)
        result.add_table(
            "After the last step, against the exact gradient",
            ("generator", "norm", "exact norm", "cosine"),
            [
                (name, float(gradient.norm()), float(exact_gradient.norm()), _cosine(gradient, exact_gradient))
                for name, gradient, exact_gradient in zip(
                    ("saturating, with noise", "Wasserstein"), last, exact, strict=True
                )
            ],
            note="Exact: by the optimal critic log p/q of the blurred curves, and by the potential of a translation.",
        )

    def _vanishing(self, result: DemonstrationResult, scene: _Scene, curves: dict[str, list[float]]) -> None:
        result.check_at_least("distance between the supports", scene.gap, 1e-3)
        lost, grown, spread = (_orders(curves[k][0], curves[k][-1]) for k in ("saturating", "logd", "variance"))
        result.check_at_least("orders of magnitude that the saturating gradient loses", -lost, MIN_ORDERS_LOST)
        result.check_at_least("orders of magnitude that the gradient of −log D gains", grown, MIN_ORDERS_GAINED)
        result.check_at_least("orders of magnitude that its variance over critics gains", spread, MIN_ORDERS_GAINED)
        recovered = _orders(curves["saturating"][-1], curves["noisy"][-1])
        result.check_at_least(
            "orders of magnitude between the saturating gradients with noise and without", recovered, MIN_ORDERS_LOST
        )

    def _recovered(self, result: DemonstrationResult, scene: _Scene, noisy: Tensor, wasserstein: Tensor) -> None:
        exact = scene.blurred(scene.optimal)
        result.check_equal(
            "with noise: norm over that of the optimal critic",
            noisy.norm() / exact.norm(),
            1,
            within=GRADIENT_TOLERANCE,
        )
        result.check_at_least(
            "with noise: cosine with the optimal critic's gradient", _cosine(noisy, exact), 1 - GRADIENT_TOLERANCE
        )
        exact = scene.gradient(Wasserstein(), scene.potential)
        result.check_equal(
            "Wasserstein: norm over the exact one", wasserstein.norm() / exact.norm(), 1, within=GRADIENT_TOLERANCE
        )
        result.check_at_least(
            "Wasserstein: cosine with the exact gradient", _cosine(wasserstein, exact), 1 - GRADIENT_TOLERANCE
        )


_CAPTION = (
    "Left, both axes logarithmic: norms of the generator's gradient by critic steps, of the saturating loss with its "
    "bound (none where ε ≥ 1), of −log D, of the saturating loss with noise, and of Wasserstein's. A line that falls "
    "is a generator that learns less from a better critic. Right: how much −log D's gradient varies from one critic to "
    "another."
)


@dataclass(frozen=True)
class _GradientReading:
    """The generator's gradients from a critic, with respect to its parameters, flattened."""

    minimax: Tensor
    logd: Tensor
    blurred: Tensor
    """Of log(1 − D) at noisy samples."""
    linear: Tensor
    """Of −D, the Wasserstein generator's."""
    bound: float


class _Curve:
    """The distribution of g(z) + shift, z uniform on [−1, 1]: a curve in the plane."""

    dimension = 2

    def __init__(self, generator: nn.Module, shift: Tensor) -> None:
        self.generator, self.shift = generator, shift

    def at(self, latents: Any) -> Tensor:
        with torch.no_grad():
            return self.generator(torch.as_tensor(latents, dtype=torch.float32)) + self.shift  # type: ignore[no-any-return]

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        return self.at(rng.uniform(-1, 1, (n, 1))).numpy()


class _Scene:
    """A fixed generator, the data at `distance` across its curve's long axis, and what theory knows of the two."""

    def __init__(self, distance: float, deviation: float, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "generator"))
            self.generator = MLP(filters=32, depth=2).generator(1, (2,))
        nodes, weights = np.polynomial.legendre.leggauss(CURVE_NODES)
        self.model = _Curve(self.generator, torch.zeros(2))
        self.curve, self.weights = self.model.at(nodes[:, None]), torch.as_tensor(weights / 2, dtype=torch.float32)
        self.across = torch.linalg.svd(self.curve - self.curve.mean(0)).Vh[-1]
        self.data = _Curve(self.generator, distance * self.across)
        self.deviation = deviation
        random = torch_generator(seed, "look")
        self.latents = torch.rand(LATENT_COUNT, 1, generator=random) * 2 - 1
        self.noise = deviation * torch.randn(LATENT_COUNT, 2, generator=random)
        self.steepness = self._steepness()
        self.gap = float(torch.cdist(self.curve, self.curve + self.data.shift).min())

    def measure(self, critic: nn.Module) -> _GradientReading:
        return _GradientReading(
            self.gradient(Minimax(), critic),
            self.gradient(NonSaturating(), critic),
            self.blurred(critic),
            self.gradient(Wasserstein(), critic),
            self.bound(critic),
        )

    def gradient(self, objective: Objective, critic: Callable[[Tensor], Tensor], noise: Tensor | float = 0.0) -> Tensor:
        """∇ of the generator's loss on the fixed latents, flattened, in float64."""
        loss = objective.generator_loss(critic(self.generator(self.latents) + noise))
        gradients = torch.autograd.grad(loss, list(self.generator.parameters()))
        return torch.cat([g.flatten() for g in gradients]).double()

    def blurred(self, critic: Callable[[Tensor], Tensor]) -> Tensor:
        return self.gradient(Minimax(), critic, self.noise)

    def bound(self, critic: nn.Module) -> float:
        """Theorem 2.4 on the fixed latents: ε is the greatest D + ‖∇D‖ there, where a perfect critic has 0."""
        points = self.generator(self.latents).detach().requires_grad_()
        output = critic(points).sigmoid()
        (slope,) = torch.autograd.grad(output.sum(), points)
        error = float((output.detach() + slope.norm(dim=1)).max())
        return self.steepness * error / (1 - error) if error < 1 else math.inf

    def optimal(self, points: Tensor) -> Tensor:
        """log p/q of data and model under the noise, at points ``(n, 2)``."""
        real, fake = (
            torch.logsumexp(self.weights.log() - torch.cdist(points, c).square() / (2 * self.deviation**2), dim=1)
            for c in (self.curve + self.data.shift, self.curve)
        )
        return real - fake

    def potential(self, points: Tensor) -> Tensor:
        """A translation is moved straight: the optimal 1-Lipschitz critic is linear along it."""
        value: Tensor = points @ self.across
        return value

    def _steepness(self) -> float:
        """M = √E‖J g(z)‖² of theorem 2.4, J by the parameters, in operator norm."""
        parameters = dict(self.generator.named_parameters())

        def point(values: dict[str, Tensor], latent: Tensor) -> Tensor:
            return torch.func.functional_call(self.generator, values, (latent[None],))[0]  # type: ignore[no-any-return]

        jacobian = torch.func.vmap(torch.func.jacrev(point), (None, 0))(parameters, self.latents)
        rows = torch.cat([j.flatten(2) for j in jacobian.values()], dim=2).detach()
        return float(torch.linalg.matrix_norm(rows @ rows.mT, 2).mean().sqrt())


def _times(steps: int) -> list[int]:
    """0, the powers rows in the table, and a fine enough grid for the curves."""
    grid = np.geomspace(1, steps, 25).round().astype(int).tolist()
    return sorted({0, *grid, *[t for t in (1, 10, 50, 200, WASSERSTEIN_STEPS, 1000) if t <= steps]})


def _orders(start: float, end: float) -> float:
    """Orders of magnitude gained from start to end: infinitely many to or from a gradient that is 0 in float32."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(end) - np.log10(start))


def _variance(gradients: list[Tensor]) -> float:
    stacked = torch.stack(gradients)
    return float((stacked - stacked.mean(0)).square().sum(1).mean())


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


def _curves(times: list[int], curves: dict[str, list[float]]) -> Any:
    figure, (left, right) = new_figure(1, 2, height=3.6, width_ratios=(1.7, 1))
    for key, label in (
        ("saturating", "log(1 − D)"),
        ("bound", "its bound"),
        ("logd", "−log D"),
        ("noisy", "log(1 − D), noise"),
        ("wasserstein", "Wasserstein"),
    ):
        left.loglog(times[1 : len(curves[key])], curves[key][1:], label=label)
    left.set(xlabel="critic steps", ylabel="norm of the gradient")
    left.legend(fontsize=8.5)
    right.loglog(times[1:], curves["variance"][1:], marker="o", markersize=3)
    right.set(title="−log D, over critics", xlabel="critic steps", ylabel="variance")
    return figure
