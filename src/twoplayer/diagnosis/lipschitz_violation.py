"""The norm of the critic's gradient is not what the regularizer is meant to make it.

Measured at real samples, at generated ones and on the lines between, and layer by layer: a gradient penalty is meant to
give a norm near its target on those lines, spectral normalization a largest singular value of 1 in every layer, weight
clipping a norm that is bounded and not almost 0, R1 and R2 a norm that costs little. A Wasserstein critic without any
of them has no bound and needs one.

Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. 3 and section 3, figure 1b; Miyato et al.
2018, "Spectral Normalization for Generative Adversarial Networks", eq. 8; Mescheder et al. 2018, eq. 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from twoplayer.diagnosis._advice import add_regularizers, more_critic_steps, stabilize
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, histograms, panels
from twoplayer.diagnosis._probes import LayerValue, layer_gains

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["LipschitzViolation"]

STEEP_THRESHOLD, STEEP_CERTAIN = 2.0, 5.0
"""Mean gradient norm on the lines over the penalty's target."""
FLAT_THRESHOLD, FLAT_CERTAIN = 0.25, 0.05
"""The same, for a critic that is flatter than the penalty's target."""
SINGULAR_VALUE_THRESHOLD, SINGULAR_VALUE_CERTAIN = 1.3, 2.0
"""Largest singular value of a spectrally normalized layer."""
LARGE_CHANGE_THRESHOLD, LARGE_CHANGE_CERTAIN = 50.0, 1e3
"""Change of the critic's output over the data's width, with weight clipping or without a regularizer."""
SMALL_CHANGE_THRESHOLD, SMALL_CHANGE_CERTAIN = 1e-3, 1e-6
"""The same, for a critic that clipping has flattened."""
COST_THRESHOLD, COST_CERTAIN = 3.0, 30.0
"""What R1 or R2 adds to the critic's loss, which is about 1 for a critic with constant output."""
RATIO_THRESHOLD, RATIO_CERTAIN = 100.0, 1e4
"""Mean squared gradient norm at generated samples over that at real ones."""
MAX_LEARNING_RATE_FOR_POWER_ITERATION = 1e-3
"""Learning rate above which the learning rate is to blame and not the number of power iterations."""


@final
class LipschitzViolation(FailureMode):
    """A critic steeper, or flatter, than its regularizers are meant to make it."""

    severity: ClassVar[int] = 2

    def cases(self, context: RunContext) -> Sequence[FailureCase]:
        regularizers = context.config.regularizers
        cases: list[FailureCase] = []
        if "gradient-penalty" in regularizers:
            cases += _gradient_penalty_cases(context, regularizers["gradient-penalty"])
        if "spectral-norm" in regularizers:
            cases += _spectral_norm_cases(context)
        if "clip" in regularizers:
            cases += _clip_cases(context, regularizers["clip"])
        for name in ("r1", "r2"):
            if name in regularizers:
                cases += _zero_centred_penalty_cases(context, name, regularizers[name])
        if not regularizers and context.objective.needs_lipschitz:
            cases += _unbounded_cases(context)
        return cases

    def picture(self, context: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=11)
        norms = context.gradient_norms
        named = {"real": norms.real, "generated": norms.fake, "between": norms.interpolated}
        logarithms = {name: np.log10(np.maximum(v, 1e-12)) for name, v in named.items()}
        histograms(left, logarithms, "Norm of the critic's gradient", "log10 of the norm")
        gains = layer_gains(context.critic, context.train, context.fakes)
        title = "Factor by which each layer stretches differences"
        bars(right, [g.name for g in gains], [g.value for g in gains], title)
        right.set_yscale("log")
        return figure


def _gradient_penalty_cases(context: RunContext, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    weight, target = float(options.get("weight", 10.0)), float(options.get("target", 1.0))
    if target <= 0:
        return
    mean = float(context.gradient_norms.interpolated.mean())
    steep = Indicator(
        "mean gradient norm on the lines over the penalty's target", mean / target, STEEP_THRESHOLD, STEEP_CERTAIN,
        "0.6 to 1.3",
    )  # fmt: skip
    verdict = (
        f"The critic's gradient has a mean norm of {mean:.3g} between samples and data; the penalty's target is "
        f"{target:g}."
    )
    stronger = {"gradient-penalty.weight": f"{10 * max(weight, 0.1):g}"}
    too_weak = Advice(f"a penalty of weight {weight:g} is too weak", stronger)
    yield FailureCase(verdict, (steep,), too_weak, _norm_ratio(context))
    if not options.get("one_sided", False):
        flat = Indicator(steep.name, mean / target, FLAT_THRESHOLD, FLAT_CERTAIN, steep.normal_range)
        more_steps = Advice("the critic has not reached the target yet", more_critic_steps(context.config, 10))
        yield FailureCase(verdict, (flat,), more_steps, _norm_ratio(context))


def _spectral_norm_cases(context: RunContext) -> Iterator[FailureCase]:
    norms = spectral_norms(context.critic)
    if not norms:
        return
    layer = max(norms, key=lambda layer: layer.value)
    indicator = Indicator(
        "largest singular value of a normalized layer", layer.value, SINGULAR_VALUE_THRESHOLD, SINGULAR_VALUE_CERTAIN,
        "0.9 to 1.1",
    )  # fmt: skip
    verdict = (
        f"Layer {layer.name} has a singular value of {layer.value:.3g}, which spectral normalization is meant to keep "
        "at 1."
    )
    iterations = int(context.config.regularizers["spectral-norm"].get("power_iterations", 1))
    advice = Advice(
        "the power iteration does not follow the weights", {"spectral-norm.power-iterations": str(3 * iterations)}
    )
    if context.config.optimizer.learning_rate > MAX_LEARNING_RATE_FOR_POWER_ITERATION:
        advice = stabilize(context.config)
    yield FailureCase(verdict, (indicator,), advice, _norm_ratio(context))


def _clip_cases(context: RunContext, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    limit, change = float(options.get("limit", 0.01)), _output_change(context)
    large = Indicator(
        "change of the critic's output over the data's width", change, LARGE_CHANGE_THRESHOLD, LARGE_CHANGE_CERTAIN,
        "0.01 to 10", logarithmic=True,
    )  # fmt: skip
    small = Indicator(
        large.name, change, SMALL_CHANGE_THRESHOLD, SMALL_CHANGE_CERTAIN, large.normal_range, logarithmic=True
    )
    mean = float(context.gradient_norms.interpolated.mean())
    verdict = f"With weights clipped to {limit:g} the critic's gradient has a mean norm of {mean:.3g}."
    penalty = add_regularizers(context.config, "gradient-penalty", reason="")
    settings = {**penalty.settings, "regularizers": "gradient-penalty"}
    advice = Advice(
        "a gradient penalty controls the gradient norm itself", settings, removed_flags=("clip.limit", "limit")
    )
    for indicator in (large, small):
        yield FailureCase(verdict, (indicator,), advice, _norm_ratio(context))


def _zero_centred_penalty_cases(context: RunContext, name: str, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    gamma = float(options.get("gamma", 0.0))
    norms = context.gradient_norms.real if name == "r1" else context.gradient_norms.fake
    cost = gamma / 2 * float((norms**2).mean())
    indicator = Indicator(
        f"what {name} adds to the critic's loss", cost, COST_THRESHOLD, COST_CERTAIN, "0 to 1", logarithmic=True
    )
    verdict = f"{name.upper()} is meant to keep the critic's gradient small, and adds {cost:.3g} to the critic's loss."
    yield FailureCase(verdict, (indicator,), stabilize(context.config), _norm_ratio(context))


def _unbounded_cases(context: RunContext) -> Iterator[FailureCase]:
    indicator = Indicator(
        "change of the critic's output over the data's width", _output_change(context), LARGE_CHANGE_THRESHOLD,
        LARGE_CHANGE_CERTAIN, "0.5 to 30", logarithmic=True,
    )  # fmt: skip
    verdict = "Nothing bounds the critic's gradient, and its objective needs a 1-Lipschitz critic."
    advice = add_regularizers(context.config, "gradient-penalty", reason="nothing bounds the critic's gradient")
    yield FailureCase(verdict, (indicator,), advice, _norm_ratio(context))


def _output_change(context: RunContext) -> float:
    """Mean gradient norm on the lines times the data's width."""
    return float(context.gradient_norms.interpolated.mean()) * context.data_width


def _norm_ratio(context: RunContext) -> tuple[Indicator, ...]:
    """Squared gradient norms at fakes over those at real samples: about 1 in a stable game."""
    real, fake = (float((norms**2).mean()) for norms in (context.gradient_norms.real, context.gradient_norms.fake))
    ratio = fake / real if real > 0 else float("inf")
    name = "squared gradient norm at generated over that at real samples"
    return (Indicator(name, ratio, RATIO_THRESHOLD, RATIO_CERTAIN, "0.1 to 10", logarithmic=True),)


@torch.no_grad()
def spectral_norms(critic: nn.Module) -> list[LayerValue]:
    """The largest singular value of each spectrally normalized layer, of its kernel as a matrix ``(out, in·h·w)``."""
    norms = []
    for name, part in critic.named_modules():
        if parametrize.is_parametrized(part, "weight"):
            axis = int(isinstance(part, nn.ConvTranspose2d))
            matrix = part.weight.detach().float().transpose(0, axis).flatten(1)  # type: ignore[operator, union-attr]
            norms.append(LayerValue(name, float(torch.linalg.matrix_norm(matrix, 2))))
    return norms
