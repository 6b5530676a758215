"""Measurements on players and samples: critic outputs, input gradients, units, and a classifier's two-sample test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, softplus

from twoplayer.algorithms._refined_generator import RefinedGenerator
from twoplayer.core.rng import torch_generator
from twoplayer.diagnosis._signals import roc_auc
from twoplayer.diagnosis._time_series import Array

if TYPE_CHECKING:
    from twoplayer.games._adversarial import UnconditionalGame
    from twoplayer.objectives._base import Objective

__all__ = [
    "GradientNorms",
    "LayerValue",
    "batch_crosstalk",
    "classifier_auc",
    "critic_gradient_norms",
    "critic_outputs",
    "draw_fakes",
    "flat_samples",
    "in_training_mode",
    "inactive_units",
    "layer_gains",
    "leaf_modules",
    "loss_gradient_norm",
]

MAX_IMAGE_SIDE = 16
"""Pixels to which larger images are pooled before distances are taken or a classifier is trained on them."""
CLASSIFIER_STEPS, CLASSIFIER_BATCH, CLASSIFIER_UNITS = 400, 128, 128
"""Training of the classifier: Adam steps, rows per step of either kind, hidden units."""
MAX_CROSSTALK_ROWS = 8
SATURATION_MARGIN = 0.01
"""Distance from the end of its range within which a tanh or sigmoid counts as saturated."""


class GradientNorms(NamedTuple):
    """Norms of the gradient of the critic's output by its input, float64 ``(N,)`` each."""

    real: Array
    fake: Array
    interpolated: Array


class LayerValue(NamedTuple):
    """A number measured on one layer."""

    name: str
    value: float


def in_training_mode(module: nn.Module) -> nn.Module:
    """Put batch normalization into training mode and everything else into evaluation mode, and return the module.

    So the module computes as in training, but dropout and the power iteration of spectral normalization, which change
    with every pass, do not.
    """
    module.eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train()
    return module


@torch.no_grad()
def draw_fakes(game: UnconditionalGame, sampler: nn.Module, batches: Iterator[Any], count: int) -> Tensor:
    """Draw samples from the latents of the next batches.

    Args:
        game: the game, whose generator is used unless `sampler` is a refined one.
        sampler: the algorithm's sampler.
        batches: batches of the run.
        count: how many.

    Returns:
        float32 ``(count, *shape)``.
    """
    pieces, size = [], 0
    while size < count:
        batch = next(batches)
        pieces.append(
            sampler.eval()(game.latents(batch)) if isinstance(sampler, RefinedGenerator) else game.generate(batch)
        )
        size += len(pieces[-1])
    return torch.cat(pieces)[:count].float()


def split(samples: Tensor, size: int) -> list[Tensor]:
    """Batches of `size` rows; a last one of a single row joins the one before, since it has no batch statistics."""
    pieces = list(torch.split(samples, size))
    if len(pieces) > 1 and len(pieces[-1]) == 1:
        pieces[-2:] = [torch.cat(pieces[-2:])]
    return pieces


@torch.no_grad()
def critic_outputs(critic: nn.Module, samples: Tensor, batch_size: int) -> Array:
    """The critic's outputs for samples ``(N, *shape)``, float64 ``(N,)``."""
    pieces = [critic(piece) for piece in split(samples, batch_size) if len(piece)]
    return np.asarray(torch.cat(pieces).double().cpu()) if pieces else np.empty(0)


def loss_gradient_norm(
    critic: nn.Module, objective: Objective, fake: Tensor, real: Tensor | None, batch_size: int
) -> float:
    """Mean norm of the gradient of N times the generator's loss by one of its N samples.

    Args:
        critic: the critic.
        objective: the objective, which gives the generator's loss.
        fake: samples ``(N, *shape)``.
        real: training samples for an objective that pairs real and generated samples, else None.
        batch_size: rows per pass.

    Returns:
        The mean norm; NaN without a complete batch.
    """
    norms = []
    real_pieces = iter(split(real, batch_size)) if real is not None else None
    for piece in split(fake, batch_size):
        piece = piece.detach().requires_grad_()
        partner = next(real_pieces, None) if real_pieces is not None else None
        if real is not None and (partner is None or len(partner) != len(piece)):
            break
        with torch.enable_grad():
            loss = objective.generator_loss(critic(piece), None if partner is None else critic(partner))
            (gradient,) = torch.autograd.grad(loss, piece)
        norms.append(gradient.flatten(1).norm(dim=1) * len(piece))
    return float(torch.cat(norms).mean()) if norms else math.nan


def critic_gradient_norms(critic: nn.Module, real: Tensor, fake: Tensor, batch_size: int) -> GradientNorms:
    """Norms of the critic's input gradient at real samples, at fakes, and at uniform points between pairs of them."""
    count = min(len(real), len(fake))
    random = torch_generator(0, "diagnosis of slopes")
    share = torch.rand(count, generator=random).to(real).view(-1, *[1] * (real.dim() - 1))
    interpolated = torch.lerp(fake[:count], real[:count], share)

    def norms(samples: Tensor) -> Array:
        pieces = []
        for piece in split(samples, batch_size):
            piece = piece.detach().requires_grad_()
            with torch.enable_grad():
                (gradient,) = torch.autograd.grad(critic(piece).sum(), piece)
            pieces.append(gradient.flatten(1).norm(dim=1))
        return np.asarray(torch.cat(pieces).double().cpu())

    return GradientNorms(norms(real), norms(fake), norms(interpolated))


def batch_crosstalk(critic: nn.Module, samples: Tensor) -> float:
    """The influence of the other samples of a batch on an output, over that of the output's own sample.

    The root mean square of ∂D(x)ᵢ/∂xⱼ over j ≠ i, summed over j, over that of ∂D(x)ᵢ/∂xᵢ, for the first rows i; 0
    without batch statistics.

    Args:
        critic: the critic.
        samples: one batch ``(N, *shape)``.
    """
    samples = samples.detach().requires_grad_()
    own, cross = 0.0, 0.0
    for row in range(min(MAX_CROSSTALK_ROWS, len(samples))):
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(critic(samples)[row], samples)
        squares = gradient.flatten(1).square().sum(1)
        own, cross = own + float(squares[row]), cross + float(squares.sum() - squares[row])
    return math.sqrt(cross / own) if own > 0 else math.inf


def leaf_modules(module: nn.Module) -> dict[str, nn.Module]:
    """The modules without children, by their path."""
    return {name or "network": part for name, part in module.named_modules() if not any(part.children())}


@torch.no_grad()
def _layer_passes(module: nn.Module, inputs: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Input and output of every leaf module in one forward pass, by path."""
    passes: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for name, part in leaf_modules(module).items():

        def record(part: nn.Module, arguments: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor) and arguments and isinstance(arguments[0], Tensor):
                passes[name] = arguments[0].detach(), output.detach()

        hooks.append(part.register_forward_hook(record))
    try:
        module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return passes


def layer_gains(critic: nn.Module, real: Tensor, fake: Tensor) -> list[LayerValue]:
    """By which factor each layer stretches the difference between a real sample and a fake, on average.

    Layers in order of the forward pass; those that do not change the difference are left out.
    """
    count = min(len(real), len(fake))
    real_passes, fake_passes = _layer_passes(critic, real[:count]), _layer_passes(critic, fake[:count])
    gains = []
    for name, (inputs, output) in real_passes.items():
        before = (inputs - fake_passes[name][0]).flatten(1).norm(dim=1).mean()
        after = (output - fake_passes[name][1]).flatten(1).norm(dim=1).mean()
        if before > 0 and not torch.equal(before, after):
            gains.append(LayerValue(name, float(after / before)))
    return gains


def inactive_units(module: nn.Module, inputs: Tensor) -> list[LayerValue]:
    """The share of dead or saturated units of each hidden activation, by path.

    A unit (a channel of a feature map) is dead if a ReLU gives 0 for every sample and position, and saturated if a
    tanh or sigmoid is within 0.01 of the same end of its range for 99 of 100.
    """
    shares = []
    for name, (_, output) in _layer_passes(module, inputs).items():
        part = module.get_submodule(name)
        if not isinstance(part, nn.ReLU | nn.Tanh | nn.Sigmoid) or output.dim() < 2:
            continue
        per_unit = output.float().transpose(0, 1).flatten(1)
        if isinstance(part, nn.ReLU):
            inactive = (per_unit <= 0).all(1)
        else:
            low = 0.0 if isinstance(part, nn.Sigmoid) else -1.0
            at_top = (per_unit > 1 - SATURATION_MARGIN).float().mean(1) > 0.99
            at_bottom = (per_unit < low + SATURATION_MARGIN).float().mean(1) > 0.99
            inactive = at_top | at_bottom
        shares.append(LayerValue(name, float(inactive.float().mean())))
    return shares


def flat_samples(samples: Tensor) -> Tensor:
    """Samples as rows ``(N, F)``: images pooled to at most 16 x 16 pixels, points as they are."""
    if samples.dim() == 4 and max(samples.shape[2:]) > MAX_IMAGE_SIDE:
        samples = adaptive_avg_pool2d(samples, MAX_IMAGE_SIDE)
    return samples.detach().float().flatten(1)


def classifier_auc(real: Tensor, fake: Tensor, test_real: Tensor, test_fake: Tensor) -> float:
    """Train a small classifier on real and generated samples, and return its area under the ROC curve on the test ones.

    The classifier has two hidden layers of 128 units and is trained for 400 Adam steps.

    Source: Lopez-Paz & Oquab 2017, "Revisiting Classifier Two-Sample Tests".
    """
    real, fake, test_real, test_fake = (flat_samples(x).cpu() for x in (real, fake, test_real, test_fake))
    centre, scale = real.mean(0), real.std(0).clamp_min(max(1e-12, 1e-3 * float(real.std())))
    real, fake, test_real, test_fake = ((x - centre) / scale for x in (real, fake, test_real, test_fake))
    random = torch_generator(0, "diagnosis by a fresh network")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Linear(real.shape[1], CLASSIFIER_UNITS),
            nn.LeakyReLU(0.2),
            nn.Linear(CLASSIFIER_UNITS, CLASSIFIER_UNITS),
            nn.LeakyReLU(0.2),
            nn.Linear(CLASSIFIER_UNITS, 1),
        )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    with torch.enable_grad():
        for _ in range(CLASSIFIER_STEPS):
            real_batch, fake_batch = (
                x[torch.randint(len(x), (CLASSIFIER_BATCH,), generator=random)] for x in (real, fake)
            )
            loss = softplus(-network(real_batch)).mean() + softplus(network(fake_batch)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        real_scores, fake_scores = (np.asarray(network(x).squeeze(1).double()) for x in (test_real, test_fake))
    return roc_auc(real_scores, fake_scores)
