"""What is measured on players and samples: scores, slopes, units, and how well samples can be told from data."""

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
from twoplayer.diagnosis._signals import separation
from twoplayer.diagnosis._time_series import Array

if TYPE_CHECKING:
    from twoplayer.games._base import SampleGame
    from twoplayer.objectives._base import Objective

__all__ = [
    "GradientNorms",
    "LayerActivity",
    "as_played",
    "coordinates",
    "crosstalk",
    "gains",
    "generated",
    "leaves",
    "outputs",
    "pull",
    "slopes",
    "tellable",
    "units",
]

SIDE = 16
"""Images are brought to at most that side before distances are taken or a fresh network sees them."""
STEPS, ROWS, WIDE = 400, 128, 128
"""Of the fresh network's training: Adam steps, rows a step of either kind, hidden units."""


class GradientNorms(NamedTuple):
    """Norms of the critic's gradient by its input, float64 ``(N,)`` each."""

    real: Array
    fake: Array
    between: Array


class LayerActivity(NamedTuple):
    """What one layer does."""

    name: str
    value: float


def as_played(module: nn.Module) -> nn.Module:
    """The module as training runs it, but for what moves with every pass, which stays: spectral norms' directions."""
    module.eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.train()
    return module


@torch.no_grad()
def generated(game: SampleGame, sampler: nn.Module, batches: Iterator[Any], count: int) -> Tensor:
    """`count` samples from the latents of the next batches: of the generator as it plays, or of its refinement."""
    pieces, found = [], 0
    while found < count:
        batch = next(batches)
        pieces.append(
            sampler.eval()(game.latents(batch)) if isinstance(sampler, RefinedGenerator) else game.generate(batch)
        )
        found += len(pieces[-1])
    return torch.cat(pieces)[:count].float()


def split(samples: Tensor, size: int) -> list[Tensor]:
    """Batches of `size` rows; a last one of a single row joins the one before, since it has no batch statistics."""
    pieces = list(torch.split(samples, size))
    if len(pieces) > 1 and len(pieces[-1]) == 1:
        pieces[-2:] = [torch.cat(pieces[-2:])]
    return pieces


@torch.no_grad()
def outputs(critic: nn.Module, samples: Tensor, size: int) -> Array:
    """The critic's outputs on ``(N, *shape)``, float64 ``(N,)``."""
    pieces = [critic(piece) for piece in split(samples, size) if len(piece)]
    return np.asarray(torch.cat(pieces).double().cpu()) if pieces else np.empty(0)


def pull(critic: nn.Module, objective: Objective, fake: Tensor, real: Tensor | None, size: int) -> float:
    """Mean norm of the gradient of one sample's share of the generator's loss by that sample."""
    norms = []
    others = iter(split(real, size)) if real is not None else None
    for piece in split(fake, size):
        piece = piece.detach().requires_grad_()
        other = next(others, None) if others is not None else None
        if real is not None and (other is None or len(other) != len(piece)):
            break
        with torch.enable_grad():
            loss = objective.generator_loss(critic(piece), None if other is None else critic(other))
            (gradient,) = torch.autograd.grad(loss, piece)
        norms.append(gradient.flatten(1).norm(dim=1) * len(piece))
    return float(torch.cat(norms).mean()) if norms else math.nan


def slopes(critic: nn.Module, real: Tensor, fake: Tensor, size: int) -> GradientNorms:
    """On real and generated samples, and on uniform points of the lines that join them pair by pair."""
    count = min(len(real), len(fake))
    random = torch_generator(0, "diagnosis of slopes")
    share = torch.rand(count, generator=random).to(real).view(-1, *[1] * (real.dim() - 1))
    between = torch.lerp(fake[:count], real[:count], share)
    return GradientNorms(*(_norms(critic, x, size) for x in (real, fake, between)))


def _norms(critic: nn.Module, samples: Tensor, size: int) -> Array:
    norms = []
    for piece in split(samples, size):
        piece = piece.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(critic(piece).sum(), piece)
        norms.append(gradient.flatten(1).norm(dim=1))
    return np.asarray(torch.cat(norms).double().cpu())


def crosstalk(critic: nn.Module, samples: Tensor) -> float:
    """How much other rows' inputs move a row's output, over how much its own does: 0 without batch statistics.

    Root mean square of ∂D(x)ᵢ/∂xⱼ over j ≠ i, summed over j, over that of ∂D(x)ᵢ/∂xᵢ, for a few i.
    """
    samples = samples.detach().requires_grad_()
    own, others = 0.0, 0.0
    for row in range(min(8, len(samples))):
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(critic(samples)[row], samples)
        squares = gradient.flatten(1).square().sum(1)
        own, others = own + float(squares[row]), others + float(squares.sum() - squares[row])
    return math.sqrt(others / own) if own > 0 else math.inf


def leaves(module: nn.Module) -> dict[str, nn.Module]:
    """The modules that hold no others, by their path."""
    return {name or "network": part for name, part in module.named_modules() if not any(part.children())}


@torch.no_grad()
def _watched(module: nn.Module, inputs: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Input and output of every leaf in one pass, by path."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for name, part in leaves(module).items():

        def keep(part: nn.Module, given: Any, output: Any, name: str = name) -> None:
            if isinstance(output, Tensor) and given and isinstance(given[0], Tensor):
                seen[name] = given[0].detach(), output.detach()

        hooks.append(part.register_forward_hook(keep))
    try:
        module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def gains(critic: nn.Module, real: Tensor, fake: Tensor) -> list[LayerActivity]:
    """How many times each layer stretches the way from a generated sample to a real one, on average, first layer first.

    Layers that do not change it are left out.
    """
    count = min(len(real), len(fake))
    one, other = _watched(critic, real[:count]), _watched(critic, fake[:count])
    found = []
    for name, (given, output) in one.items():
        before = (given - other[name][0]).flatten(1).norm(dim=1).mean()
        after = (output - other[name][1]).flatten(1).norm(dim=1).mean()
        if before > 0 and not torch.equal(before, after):
            found.append(LayerActivity(name, float(after / before)))
    return found


BOUNDED = (nn.Tanh, nn.Sigmoid)
CUT = (nn.ReLU,)


def units(module: nn.Module, inputs: Tensor) -> list[LayerActivity]:
    """The share of dead or saturated units in each hidden activation, by path.

    A unit, a channel of a map, is dead where a ReLU gives 0 for every sample and place, and saturated where a tanh or
    sigmoid is within 0.01 of one and the same end for 99 of 100.
    """
    found = []
    for name, (_, output) in _watched(module, inputs).items():
        part = module.get_submodule(name)
        if not isinstance(part, BOUNDED + CUT) or output.dim() < 2:
            continue
        per_unit = output.float().transpose(0, 1).flatten(1)
        if isinstance(part, CUT):
            stuck = (per_unit <= 0).all(1)
        else:
            low = 0.0 if isinstance(part, nn.Sigmoid) else -1.0
            stuck = ((per_unit > 0.99).float().mean(1) > 0.99) | ((per_unit < low + 0.01).float().mean(1) > 0.99)
        found.append(LayerActivity(name, float(stuck.float().mean())))
    return found


def coordinates(samples: Tensor) -> Tensor:
    """Samples ``(N, F)`` for distances and fresh networks: images brought to at most 16 pixels, points as they are."""
    if samples.dim() == 4 and max(samples.shape[2:]) > SIDE:
        samples = adaptive_avg_pool2d(samples, SIDE)
    return samples.detach().float().flatten(1)


def tellable(real: Tensor, fake: Tensor, unseen: Tensor, unseen_fake: Tensor) -> float:
    """How well a fresh network of two hidden layers, trained on `real` and `fake`, tells the unseen ones apart."""
    real, fake, unseen, unseen_fake = (coordinates(x).cpu() for x in (real, fake, unseen, unseen_fake))
    centre, scale = real.mean(0), real.std(0).clamp_min(max(1e-12, 1e-3 * float(real.std())))
    real, fake, unseen, unseen_fake = ((x - centre) / scale for x in (real, fake, unseen, unseen_fake))
    random = torch_generator(0, "diagnosis by a fresh network")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Linear(real.shape[1], WIDE),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDE, WIDE),
            nn.LeakyReLU(0.2),
            nn.Linear(WIDE, 1),
        )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    with torch.enable_grad():
        for _ in range(STEPS):
            some, others = (x[torch.randint(len(x), (ROWS,), generator=random)] for x in (real, fake))
            loss = softplus(-network(some)).mean() + softplus(network(others)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        high, low = (np.asarray(network(x).squeeze(1).double()) for x in (unseen, unseen_fake))
    return separation(high, low)
