"""Clipping and penalty: clipped critics are simple functions whose gradients explode or vanish; penalized ones are not

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", section 3 and figure 1 (2 in the first version);
the generator's distribution is held at the data plus N(0, I), as there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from twoplayer import theory
from twoplayer.core.ranges import Count, NonNegative
from twoplayer.core.rng import derive, numpy_generator
from twoplayer.data.grid import GaussianGrid
from twoplayer.data.ring import Ring
from twoplayer.data.spiral import Spiral
from twoplayer.lab._base import Demonstration
from twoplayer.lab._lab_game import LabDensity, critic_outputs, fit_critic, input_gradients, small_critic, to_tensor
from twoplayer.lab._result import DemonstrationResult
from twoplayer.objectives.wasserstein import Wasserstein
from twoplayer.pages.plot_style import new_figure
from twoplayer.regularizers._base import Regularizer
from twoplayer.regularizers.clip import WeightClipping
from twoplayer.regularizers.gradient_penalty import GradientPenalty

__all__ = ["ClippingAndPenalty"]

LIMIT = 0.01
LIMITS = (0.1, 0.01, 0.001)
LAYERS, WIDTH = 12, 128
SAMPLES = 1000
SLOPE_SEARCH_ERROR = 0.01
"""Relative error of the search for the steepest slope."""
PLOT_HALF_WIDTH = 3.0
"""Half the side of the square on which surfaces are drawn."""
TOYS: dict[str, Any] = {
    "8 Gaussians": Ring(radius=math.sqrt(2), deviation=0.02),
    "25 Gaussians": GaussianGrid(spacing=1 / math.sqrt(2), deviation=0.02),
}


class ClippingAndPenalty(Demonstration):
    """Wasserstein critics under weight clipping and under a gradient penalty, with 3 and with 12 layers.

    Args:
        steps: Steps of the critics with 3 layers, at least 1. Default 600.
        deep_steps: Steps of the critics with 12 layers, at least 1. Default 120.
        weight: Weight of the gradient penalty, at least 0. Default 1, between the paper's 10 and the 0.1 of its
            authors' code for points in the plane.
    """

    statement: ClassVar[str] = (
        "Clipping every weight to [−c, c] makes the critic Lipschitz, but drives the weights to ±c, leaves simple "
        "functions, and lets gradients grow or shrink geometrically with depth: by at most c·width per layer, so they "
        "must vanish where c·width < 1. A penalty on ‖∇D‖ does none of this."
    )

    def __init__(self, *, steps: Count = 600, deep_steps: Count = 120, weight: NonNegative = 1.0) -> None:
        self.steps, self.deep_steps, self.weight = steps, deep_steps, weight

    def run(self, result: DemonstrationResult) -> None:
        surfaces = {name: self._pair(toy.density(), result.seed) for name, toy in TOYS.items()}
        self._surfaces(result, surfaces)
        self._weights(result, *surfaces["8 Gaussians"])
        self._depth(result)

    def _pair(self, data: LabDensity, seed: int) -> tuple[_Fitted, _Fitted]:
        """A clipped and a penalized critic for data against the same data under noise."""
        blurred = _Blurred(data)
        random = numpy_generator(seed, "samples")
        real, fake = data.sample(SAMPLES, random), blurred.sample(SAMPLES, random)
        distance = theory.wasserstein(theory.Empirical(real), theory.Empirical(fake))
        edge, fitted = float(max(np.abs(real).max(), np.abs(fake).max())), []
        for regularizer in (WeightClipping(limit=LIMIT), GradientPenalty(weight=self.weight)):
            critic = small_critic(2, seed=seed, filters=64, depth=3, activation="relu")
            start = _train(critic, regularizer, data, steps=self.steps, batch_size=256, seed=seed)
            estimate, slope = (
                float(critic_outputs(critic, real).mean() - critic_outputs(critic, fake).mean()),
                _steepest(critic, edge),
            )
            fitted.append(_Fitted(critic, real, start, slope, estimate / slope / distance))
        return fitted[0], fitted[1]

    def _surfaces(self, result: DemonstrationResult, surfaces: dict[str, tuple[_Fitted, _Fitted]]) -> None:
        result.add_text(
            "A critic compares data with the same data under noise N(0, I). Divided by its steepest slope on a square "
            "that holds all samples it is 1-Lipschitz there, and its estimate is then at most their "
            "Wasserstein distance. On the ring the noise is transported to the nearest mode, so that the best critic "
            "is minus the distance to it: its value at a mode exceeds that halfway between two modes by the distance "
            "from there to a mode."
        )
        result.add_figure("Value surfaces of trained critics", _contours(surfaces), caption=_SURFACES)
        result.add_table(
            "Share of the Wasserstein distance found at slope 1",
            ("data", f"clipped to ±{LIMIT:g}", "gradient penalty"),
            [(name, clipped.share, penalized.share) for name, (clipped, penalized) in surfaces.items()],
            note=f"Against the exact distance between the {SAMPLES:,} samples of each side that the critic scores. The "
            "slope is sought on a lattice, then on ever finer ones where it is steepest.",
        )
        clipped, penalized = (_relief(fitted) for fitted in surfaces["8 Gaussians"])
        result.add_table(
            "How far the modes of the ring stand out at slope 1, as a share of the best critic's",
            ("clipped", "penalized"),
            [(clipped, penalized)],
        )
        for name, (box, slope) in surfaces.items():
            result.check_at_most(f"{name}: share found, clipped against penalized", box.share, slope.share)
        greatest = max(fitted.share for pair in surfaces.values() for fitted in pair)
        result.check_at_most("greatest share found at slope 1", greatest, 1.0, within=SLOPE_SEARCH_ERROR)
        result.check_at_least("modes standing out, penalized", penalized, 0.25)
        result.check_at_most("modes standing out, clipped against half the penalized", clipped, penalized / 2)

    def _weights(self, result: DemonstrationResult, clipped: _Fitted, penalized: _Fitted) -> None:
        sides = {"clipped": clipped.weights / LIMIT, "penalized": penalized.weights / np.abs(penalized.weights).max()}
        result.add_figure("Distribution of the weights", _histograms(sides), caption=_WEIGHTS)
        ends = [
            (_share_at_limit(f.start, edge), _share_at_limit(f.weights, edge))
            for f, edge in ((clipped, LIMIT), (penalized, None))
        ]
        result.add_table(
            "Share of the weights within 1 % of the greatest one allowed (clipped) or found (penalized)",
            ("critic of 8 Gaussians", "at the start", "at the end", "greatest weight at the end"),
            [
                (name, *shares, float(np.abs(f.weights).max()))
                for name, shares, f in zip(sides, ends, (clipped, penalized), strict=True)
            ],
            note="The clipped critic starts with weights uniform in the box.",
        )
        result.check_at_least(
            "clipped weights at ±c, share at the end over that at the start", ends[0][1] / ends[0][0], 10
        )

    def _depth(self, result: DemonstrationResult) -> None:
        data = Spiral(arms=1).density()
        regularizers: dict[str, Regularizer] = {f"clip {c:g}": WeightClipping(limit=c) for c in LIMITS}
        regularizers["penalty"] = GradientPenalty(weight=self.weight)
        norms = {name: self._deep(regularizer, data, result.seed) for name, regularizer in regularizers.items()}
        orders = {name: _orders(values) for name, values in norms.items()}
        bounds = [math.log10(c * math.sqrt(2 * WIDTH)) + (LAYERS - 1) * math.log10(c * WIDTH) for c in LIMITS]
        result.add_figure(f"Gradients through {LAYERS} layers", _gradients_plot(norms), caption=_DEPTH)
        result.add_table(
            f"Norm of the critic's gradient by the activations, {LAYERS} layers of {WIDTH}, on a spiral",
            (
                "critic",
                "at the input",
                "at layer 6",
                f"at layer {LAYERS}",
                "orders from last layer to input",
                "at most",
            ),
            [
                (name, values[0], values[6], values[-1], orders[name], bound)
                for (name, values), bound in zip(norms.items(), [*bounds, None], strict=True)
            ],
            note="At most c·width per layer, where every weight is at its limit and all have one sign.",
        )
        explodes, vanishes, _ = (f"clip {c:g}" for c in LIMITS)
        result.check_at_least(f"{explodes}: orders (explodes)", orders[explodes], 3)
        result.check_at_most(f"{vanishes}: orders (vanishes)", orders[vanishes], -3)
        result.check_equal("penalty: orders (neither)", orders["penalty"], 0, within=1)

    def _deep(self, regularizer: Regularizer, data: LabDensity, seed: int) -> list[float]:
        """Mean norms of ∂D/∂h: of the input, then of each layer's activations."""
        critic = small_critic(2, seed=seed, filters=WIDTH, depth=LAYERS, activation="relu")
        _train(critic, regularizer, data, steps=self.deep_steps, batch_size=128, seed=seed)
        activations = [to_tensor(data.sample(256, numpy_generator(seed, "look"))).requires_grad_()]
        for layer in critic.modules():
            if isinstance(layer, nn.ReLU):
                layer.register_forward_hook(lambda _layer, _inputs, output: activations.append(output))
        gradients = torch.autograd.grad(critic(activations[0]).sum(), activations)
        return [float(g.double().norm(dim=1).mean()) for g in gradients]


_SURFACES = (
    "Level lines of four critics over the data (dots), clipped ones on the left, penalized ones on the right; brighter "
    "is more real. Closed lines around a Gaussian are a summit there; where lines pass by it, the critic does not "
    "distinguish it from the points beside it."
)
_WEIGHTS = (
    "Histograms of the weights, over c for the clipped critic and over the greatest weight for the penalized one. "
    "Columns at the two ends are weights at the clipping limit."
)
_DEPTH = (
    "Mean norm of the gradient by layer, from the last layer (left) back to the input (right), logarithmic. A line "
    "that rises to the right explodes, one that falls vanishes, a horizontal one does neither."
)


@dataclass(frozen=True)
class _Fitted:
    """A trained critic, samples of its data, its initial weights, its slope and its share of the distance."""

    critic: nn.Module
    real: Any
    start: np.ndarray[Any, Any]
    slope: float
    share: float
    """The estimate of the critic divided by its slope, as a share of the Wasserstein distance."""

    @property
    def weights(self) -> np.ndarray[Any, Any]:
        return _weights(self.critic)


class _Blurred:
    """The data plus N(0, I): the fixed generator of section 3 of the paper."""

    def __init__(self, data: LabDensity) -> None:
        self.data, self.dimension = data, data.dimension

    def sample(self, n: int, rng: np.random.Generator, /) -> Any:
        return self.data.sample(n, rng) + rng.standard_normal((n, self.dimension))


def _train(
    critic: nn.Module, regularizer: Regularizer, data: LabDensity, *, steps: int, batch_size: int, seed: int
) -> np.ndarray[Any, Any]:
    """Train on data against the same data under noise; return the initial weights.

    A clipped critic starts uniform in its box, since larger weights would be clipped to ±c by the first step, and
    Adam's learning rate is c/20.
    """
    learning_rate = 1e-3
    if isinstance(regularizer, WeightClipping):
        learning_rate, random = regularizer.limit / 20, torch.Generator().manual_seed(derive(seed, "box"))
        for parameter in critic.parameters():
            nn.init.uniform_(parameter, -regularizer.limit, regularizer.limit, generator=random)
    start = _weights(critic)
    fit_critic(
        critic,
        Wasserstein(),
        data,
        _Blurred(data),
        steps=steps,
        regularizers=(regularizer,),
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
    )
    return start


def _weights(critic: nn.Module) -> np.ndarray[Any, Any]:
    layers = [m.weight.detach().flatten() for m in critic.modules() if isinstance(m, nn.Linear)]
    return torch.cat(layers).numpy()  # type: ignore[no-any-return]


def _share_at_limit(weights: np.ndarray[Any, Any], edge: float | None) -> float:
    sizes = np.abs(weights)
    return float((sizes > 0.99 * (edge or sizes.max())).mean())


def _orders(norms: list[float]) -> float:
    """Orders of magnitude from the last layer's gradient to the input's; −∞ where that is 0."""
    return math.log10(norms[0] / norms[-1]) if norms[0] else -math.inf


def _lattice(side: int, edge: float) -> Tensor:
    line = torch.linspace(-edge, edge, side)
    return torch.cartesian_prod(line, line)


def _steepest(critic: nn.Module, edge: float) -> float:
    """The greatest ‖∇D‖ found on [−edge, edge]²; where it is steepest, four times on a lattice five times as fine."""
    points, best, width = _lattice(121, edge), torch.finfo(torch.float32).tiny, edge / 60
    for _ in range(5):
        points = points.clamp(-edge, edge)
        steep = input_gradients(critic, points).norm(dim=1)
        best = max(best, float(steep.max()))
        top = points[steep.topk(50).indices]
        points, width = (top[:, None] + _lattice(11, width)).flatten(0, 1), width / 5
    return best


def _relief(fitted: _Fitted) -> float:
    """Mean value at the ring's modes above that halfway between them, against the best critic's at the same slope."""
    modes = TOYS["8 Gaussians"].density().modes
    half = math.pi / len(modes)
    turn = np.array([[math.cos(half), math.sin(half)], [-math.sin(half), math.cos(half)]])
    best = float(np.linalg.norm(modes[0] @ turn - modes[0]))
    above = critic_outputs(fitted.critic, modes).mean() - critic_outputs(fitted.critic, modes @ turn).mean()
    return float(above) / fitted.slope / best


def _contours(surfaces: dict[str, tuple[_Fitted, _Fitted]]) -> Any:
    figure, axes = new_figure(len(surfaces), 2, width=6.6, height=3.2, sharex=True, sharey=True)
    panels = [
        (name, how, f) for name, pair in surfaces.items() for how, f in zip(("clipped", "penalized"), pair, strict=True)
    ]
    line = np.linspace(-PLOT_HALF_WIDTH, PLOT_HALF_WIDTH, 121)
    for panel, (name, how, fitted) in zip(axes, panels, strict=True):
        values = critic_outputs(fitted.critic, _lattice(121, PLOT_HALF_WIDTH)).reshape(121, 121).T
        panel.contourf(line, line, values, 14)
        panel.contour(line, line, values, 14, colors="white", linewidths=0.5)
        panel.plot(*fitted.real[:250].T, ".", color="#c65300", markersize=2.5)
        panel.set(
            title=f"{name}, {how}",
            aspect="equal",
            xlim=(-PLOT_HALF_WIDTH, PLOT_HALF_WIDTH),
            ylim=(-PLOT_HALF_WIDTH, PLOT_HALF_WIDTH),
        )
        panel.grid(False)
    return figure


def _histograms(sides: dict[str, np.ndarray[Any, Any]]) -> Any:
    figure, panels = new_figure(1, 2, height=2.6)
    for panel, (name, weights), colour in zip(panels, sides.items(), ("#c65300", "#0072b2"), strict=True):
        panel.hist(
            weights, bins=np.linspace(-1, 1, 51).tolist(), weights=np.full(len(weights), 1 / len(weights)), color=colour
        )
        panel.set(title=name, xlabel="weight over c" if name == "clipped" else "weight over the greatest")
    panels[0].set_ylabel("share of the weights")
    return figure


def _gradients_plot(norms: dict[str, list[float]]) -> Any:
    figure, (axes,) = new_figure(height=3.4)
    for (name, values), marker in zip(norms.items(), ("^", "o", "v", "s"), strict=True):
        axes.semilogy(range(len(values)), values, marker=marker, markersize=5, label=name)
    axes.invert_xaxis()
    axes.set(xlabel="layer (0: the input)", ylabel="norm of ∂D/∂activation", xticks=range(0, LAYERS + 1, 2))
    axes.legend(loc="lower left")
    return figure
