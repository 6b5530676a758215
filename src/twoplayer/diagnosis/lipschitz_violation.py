"""The critic's slope is not what the regularizer promises.

Measured on real samples, on generated ones and on the lines between, and layer by layer: a gradient penalty promises a
slope near its target on those lines, spectral normalization a largest singular value of 1 in every layer, weight
clipping a slope that is bounded and yet a slope, R1 and R2 a slope that costs little. A Wasserstein critic without any
of them promises nothing and needs it all the same.

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

from twoplayer.diagnosis import _probes as measured
from twoplayer.diagnosis._advice import calmer, more_critic_steps, with_rules
from twoplayer.diagnosis._base import Advice, FailureCase, Indicator
from twoplayer.diagnosis._failure_mode import FailureMode
from twoplayer.diagnosis._plots import bars, histograms, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoplayer.diagnosis._run_context import RunContext

__all__ = ["LipschitzViolation"]

TIMES, MANY = 2.0, 5.0
"""The mean slope on the lines over what the penalty draws it to."""
PART, HARDLY = 0.25, 0.05
"""The same, where it is flatter."""
NORM, LARGE = 1.3, 2.0
"""Largest singular value of a normalized layer."""
STEEP, CLIFF = 50.0, 1e3
"""Change of the critic's output over the data's width, where nothing but clipping, or nothing at all, holds it."""
FLAT, LEVEL = 1e-3, 1e-6
"""The same, where clipping has flattened the critic."""
COST, DEAR = 3.0, 30.0
"""What R1 or R2 adds to the critic's loss; the loss of knowing nothing is about 1."""


@final
class LipschitzViolation(FailureMode):
    """A critic steeper, or flatter, than it should be."""

    severity: ClassVar[int] = 2

    def cases(self, patient: RunContext) -> Sequence[FailureCase]:
        rules = patient.config.regularizers
        found: list[FailureCase] = []
        if "gradient-penalty" in rules:
            found += _penalty(patient, rules["gradient-penalty"])
        if "spectral-norm" in rules:
            found += _normalized(patient)
        if "clip" in rules:
            found += _clipped(patient, rules["clip"])
        for rule in ("r1", "r2"):
            if rule in rules:
                found += _sloped(patient, rule, rules[rule])
        if not rules and patient.objective.needs_lipschitz:
            found += _free(patient)
        return found

    def picture(self, patient: RunContext) -> Figure:
        figure, (left, right) = panels(2, width=11)
        slopes = patient.slopes
        named = {"real": slopes.real, "generated": slopes.fake, "between": slopes.between}
        histograms(
            left, {k: np.log10(np.maximum(v, 1e-12)) for k, v in named.items()}, "The critic's slope", "log10 of it"
        )
        gains = measured.gains(patient.critic, patient.train, patient.fakes)
        bars(
            right,
            [g.name for g in gains],
            [g.value for g in gains],
            "How far each layer pulls real and generated apart",
        )
        right.set_yscale("log")
        return figure


def _penalty(patient: RunContext, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    weight, target = float(options.get("weight", 10.0)), float(options.get("target", 1.0))
    if target <= 0:
        return
    mean = float(patient.slopes.between.mean())
    beside = _everywhere(patient)
    steep = Indicator("mean slope on the lines over the penalty's target", mean / target, TIMES, MANY, "0.6 to 1.3")
    stronger = {"gradient-penalty.weight": f"{10 * max(weight, 0.1):g}"}
    verdict = f"The critic's slope between samples and data is {mean:.3g}, and the penalty promises {target:g}."
    yield FailureCase(verdict, (steep,), Advice(f"a penalty of weight {weight:g} is too weak", stronger), beside)
    if not options.get("one_sided", False):
        flat = Indicator(steep.name, mean / target, PART, HARDLY, steep.healthy)
        more = Advice("the critic has not reached its slope", more_critic_steps(patient.config, 10))
        yield FailureCase(verdict, (flat,), more, beside)


def _normalized(patient: RunContext) -> Iterator[FailureCase]:
    norms = spectral_norms(patient.critic)
    if not norms:
        return
    worst = max(norms, key=lambda layer: layer.value)
    sign = Indicator("largest singular value of a normalized layer", worst.value, NORM, LARGE, "0.9 to 1.1")
    verdict = f"Spectral normalization promises 1, and layer {worst.name} has a singular value of {worst.value:.3g}."
    iterations = int(patient.config.regularizers["spectral-norm"].get("power_iterations", 1))
    rate = patient.config.optimizer.learning_rate
    advice = Advice("one power iteration does not keep up", {"spectral-norm.power-iterations": str(3 * iterations)})
    yield FailureCase(verdict, (sign,), calmer(patient.config) if rate > 1e-3 else advice, _everywhere(patient))


def _clipped(patient: RunContext, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    limit, over = float(options.get("limit", 0.01)), _over_width(patient)
    steep = Indicator(
        "change of the critic's output over the data's width", over, STEEP, CLIFF, "0.01 to 10", logarithmic=True
    )
    flat = Indicator(steep.name, over, FLAT, LEVEL, steep.healthy, logarithmic=True)
    verdict = f"Weights within {limit:g} leave the critic a slope of {float(patient.slopes.between.mean()):.3g}."
    penalty = with_rules(patient.config, "gradient-penalty", why="")
    rules = {**penalty.settings, "regularizers": "gradient-penalty"}
    advice = Advice("a gradient penalty sets the slope itself", rules, without=("clip.limit", "limit"))
    for sign in (steep, flat):
        yield FailureCase(verdict, (sign,), advice, _everywhere(patient))


def _sloped(patient: RunContext, rule: str, options: Mapping[str, Any]) -> Iterator[FailureCase]:
    gamma = float(options.get("gamma", 0.0))
    slopes = patient.slopes.real if rule == "r1" else patient.slopes.fake
    cost = gamma / 2 * float((slopes**2).mean())
    sign = Indicator(f"what {rule} adds to the critic's loss", cost, COST, DEAR, "0 to 1", logarithmic=True)
    verdict = f"{rule.upper()} is to keep the critic's slope small, and what it punishes costs {cost:.3g}."
    yield FailureCase(verdict, (sign,), calmer(patient.config), _everywhere(patient))


def _free(patient: RunContext) -> Iterator[FailureCase]:
    over = _over_width(patient)
    sign = Indicator(
        "change of the critic's output over the data's width", over, STEEP, CLIFF, "0.5 to 30", logarithmic=True
    )
    verdict = "Nothing holds the critic's slope, and its objective needs a critic that is 1-Lipschitz."
    advice = with_rules(patient.config, "gradient-penalty", why="nothing holds the critic's slope")
    yield FailureCase(verdict, (sign,), advice, _everywhere(patient))


def _over_width(patient: RunContext) -> float:
    return float(patient.slopes.between.mean()) * patient.width


def _everywhere(patient: RunContext) -> tuple[Indicator, ...]:
    """Slopes on either side: about equal where a game is healthy, and on generated samples first where it is not."""
    real, fake = (float((s**2).mean()) for s in (patient.slopes.real, patient.slopes.fake))
    ratio = fake / real if real > 0 else float("inf")
    return (
        Indicator(
            "squared slope on generated over that on real samples", ratio, 100.0, 1e4, "0.1 to 10", logarithmic=True
        ),
    )


@torch.no_grad()
def spectral_norms(critic: nn.Module) -> list[measured.LayerActivity]:
    """The largest singular value of every layer that is spectrally normalized, its kernel as ``(out, in·h·w)``."""
    found = []
    for name, part in critic.named_modules():
        if parametrize.is_parametrized(part, "weight"):
            axis = int(isinstance(part, nn.ConvTranspose2d))
            matrix = part.weight.detach().float().transpose(0, axis).flatten(1)  # type: ignore[operator, union-attr]
            found.append(measured.LayerActivity(name, float(torch.linalg.matrix_norm(matrix, 2))))
    return found
