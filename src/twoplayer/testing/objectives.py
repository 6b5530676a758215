"""The contract of objectives: their losses, and what they claim of divergences, checked by quadrature in float64."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from twoplayer import theory
from twoplayer.core.errors import UserError
from twoplayer.objectives import Objective
from twoplayer.objectives._separable import Separable
from twoplayer.testing._member import Member
from twoplayer.testing._quadrature import QuadratureNodes, quadrature

__all__ = ["check_objective"]

EXTREMES = (50.0, -50.0, 0.0)
DIVERGENCE_TOLERANCE = 1e-6
"""Of the estimate at the optimal critic, by quadrature."""
RATIOS = torch.tensor([0.12, 0.2, 0.7, 1.0, 1.5, 4.0, 8.0], dtype=torch.float64)


def check_objective(objective: Any, *, claims: bool = True, directions: bool = True, **options: Any) -> None:
    """Check the contract of an objective.

    Its losses are finite scalars in the precision of the critic outputs, also at outputs of ±50 and under autocast;
    their gradients set the players against each other; its state dict restores it. `estimate` takes weights.
    Where it is pointwise, no critic's estimate exceeds that of `optimal_output`, which is the f-divergence that
    `divergence` states; and the generator's loss has the gradient of `generator_divergence`.

    Args:
        objective: a registered name, a class, or an object. An objective with a state must be given as an object
            in a state in which real and generated samples count in both losses.
        claims: whether to check `divergence`, `optimal_output` and `generator_divergence` too.
        directions: whether to check that the losses prefer larger scores (smaller energies) on real samples and oppose
            each other on generated ones; false for options that exchange the sides.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("objectives", objective, options=options)
    _check_losses(member)
    if directions:
        _check_directions(member)
    _check_extremes(member)
    _check_autocast(member)
    _check_state(member)
    _check_weights(member)
    if claims:
        _check_claims(member)


def _outputs(low: float, high: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(low, high, 12, dtype=dtype).requires_grad_()


def _losses(objective: Objective, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    used = real if objective.uses_real_outputs else None
    return objective.critic_loss(real, fake), objective.generator_loss(fake, used)


def _check_losses(member: Member) -> None:
    words = ("score", "energy")
    output = member.make().critic_output
    member.require(output in words, f"critic_output must be one of {words}, not {output!r}")
    for dtype in (torch.float32, torch.float64):
        objective = member.make().to(dtype)
        with member.raises_nothing(f"a loss of outputs of {dtype}"):
            pair = _losses(objective, _outputs(-1, 1, dtype), _outputs(-2, 1, dtype))
        for name, loss in zip(("critic_loss", "generator_loss"), pair, strict=True):
            member.require(loss.shape == (), f"{name} must be a scalar, not of shape {tuple(loss.shape)}")
            member.require(loss.dtype == dtype, f"{name} of outputs of {dtype} must be {dtype}, not {loss.dtype}")
            member.require(loss.isfinite(), f"{name} must be finite, not {loss.item()}")


def _check_directions(member: Member) -> None:
    objective = member.make().double()
    more_real = 1 if objective.critic_output == "score" else -1  # an energy is small where a sample is real
    larger = "raised" if more_real > 0 else "lowered"
    real, fake = _outputs(0.1, 0.4), _outputs(0.2, 0.3)
    try:
        on_real, on_fake = torch.autograd.grad(_losses(objective, real, fake)[0], [real, fake])
        # some generators stop at an output of their own, which lies above the lower of these
        slopes = [_generator_slope(objective, _outputs(*ends)) for ends in ((0.2, 0.3), (-3.0, -2.0))]
    except RuntimeError as error:
        raise AssertionError(f"{member.title}: a loss has no gradient in the critic outputs: {error}") from error
    member.require((on_real * more_real < 0).all(), f"critic_loss must fall where outputs on real samples are {larger}")
    member.require((on_fake * more_real > 0).all(), f"critic_loss must rise where outputs on fake samples are {larger}")
    member.require(
        any((slope * more_real < 0).all() for slope in slopes),
        f"generator_loss must fall where outputs on fake samples are {larger}",
    )


def _generator_slope(objective: Objective, fake: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(_losses(objective, _outputs(0.1, 0.4), fake)[1], fake)
    return slope


def _check_extremes(member: Member) -> None:
    objective = member.make()
    for real, fake in itertools.product(EXTREMES, EXTREMES):
        at = [torch.full((4,), value, requires_grad=True) for value in (real, fake)]
        for name, loss in zip(("critic_loss", "generator_loss"), _losses(objective, at[0], at[1]), strict=True):
            where = f"at outputs of {real:g} on real and {fake:g} on fake samples"
            member.require(loss.isfinite(), f"{name} must be finite {where}, not {loss.item()}")
            gradients = torch.autograd.grad(loss, at, allow_unused=True)
            finite = all(g.isfinite().all() for g in gradients if g is not None)
            member.require(finite, f"{name} must have finite gradients {where}")


def _check_autocast(member: Member) -> None:
    objective = member.make()
    real, fake = _outputs(-1, 1, torch.float32).detach(), _outputs(-2, 1, torch.float32).detach()
    weights = real.softmax(0), fake.softmax(0)

    def values() -> list[Tensor]:
        estimates = [objective.estimate(real, fake), objective.estimate(real, fake, weights)]
        return [*_losses(objective, real, fake), *estimates]

    outside = values()
    with torch.autocast("cpu", torch.bfloat16):
        inside = values()
    same = all(a.dtype == torch.float32 and torch.equal(a, b) for a, b in zip(inside, outside, strict=True))
    member.require(same, "losses and estimates must be computed in float32 under autocast, unchanged")


def _check_state(member: Member) -> None:
    objective, twin = member.make(), member.make()
    member.require(repr(objective).startswith(type(objective).__name__), "repr must begin with the class's name")
    with member.raises_nothing("loading its state dict"):
        twin.load_state_dict(objective.state_dict())
    real, fake = _outputs(-1, 1, torch.float32).detach(), _outputs(-2, 1, torch.float32).detach()
    expected = _losses(objective, real, fake)
    for other, action in ((twin, "loading its state dict"), (copy.deepcopy(objective), "copying it")):
        same = all(torch.equal(a, b) for a, b in zip(_losses(other, real, fake), expected, strict=True))
        member.require(same, f"{action} must give the same losses")


def _check_weights(member: Member) -> None:
    objective, random = member.make(), torch.Generator().manual_seed(1)
    real, fake = (torch.rand(n, generator=random, dtype=torch.float64) for n in (5, 7))
    weights = (torch.full_like(real, 1 / 5), torch.full_like(fake, 1 / 7))
    close = math.isclose(objective.estimate(real, fake, weights), objective.estimate(real, fake), rel_tol=1e-6)
    member.require(close, "estimate with equal weights must be the estimate without weights")


# ---- what it claims


GAUSSIANS = (theory.Gaussian(0.0, 1.0), theory.Gaussian(0.8, 1.1))
MIXTURES = (
    theory.Mixture([0.4, 0.6], [theory.Gaussian(-1.0, 0.7), theory.Gaussian(1.5, 0.9)]),
    theory.Mixture([0.7, 0.3], [theory.Gaussian(-1.0, 0.7), theory.Gaussian(1.2, 0.9)]),
)


def _check_claims(member: Member) -> None:
    objective = member.make()
    for name in ("divergence", "generator_divergence"):
        divergence = getattr(objective, name)
        texts = (divergence.name, divergence.formula, divergence.unit)
        member.require(all(isinstance(t, str) and t for t in texts), f"{name} must state its name, formula and unit")
    if not objective.pointwise:
        with member.raises(UserError, "optimal_output of an objective that is not pointwise"):
            objective.optimal_output(torch.zeros(3, dtype=torch.float64))
        return
    separable = isinstance(objective, Separable)
    for p, q in (GAUSSIANS, MIXTURES):
        _check_optimum(member, objective, quadrature(p, q, few=not separable))
    if separable:
        _check_generator_gradient(member, objective, quadrature(*GAUSSIANS))


def _check_optimum(member: Member, objective: Objective, nodes: QuadratureNodes) -> None:
    best = objective.optimal_output(nodes.log_ratio)
    attained = float(objective.estimate(best, best, nodes.weights))
    if objective.divergence.f is not None:
        q = nodes.weights[1]
        ratio = nodes.log_ratio.exp()
        kept = q > 0
        exact = float((q * objective.divergence.f(ratio))[kept].nansum())
        member.require(
            abs(attained - exact) < DIVERGENCE_TOLERANCE,
            f"the estimate with optimal_output is {attained:.8g}, but the {objective.divergence.name} that divergence "
            f"states is {exact:.8g}",
        )
    others = [float(objective.estimate(other, other, nodes.weights)) for other in _other_outputs(best)]
    member.require(
        max(others) <= attained + 1e-9,
        f"a critic other than optimal_output estimates {max(others):.8g}, more than the optimal {attained:.8g}",
    )
    member.require(min(others) < attained - 1e-3, "estimate must depend on the critic outputs")


def _other_outputs(best: Tensor) -> Iterator[Tensor]:
    """Perturbations of several sizes and shapes; an infinite optimum is taken as far out as matters."""
    random = torch.Generator().manual_seed(0)
    best = best.clamp(-30, 30)
    for size in (1e-3, 1e-2, 0.1, 0.5, 2.0):
        yield best + size * torch.randn(best.shape, generator=random, dtype=best.dtype)
        yield from (best + size, best - size, best * (1 + size), best / (1 + size))
    yield from (torch.zeros_like(best), -best)


def _check_generator_gradient(member: Member, objective: Separable, nodes: QuadratureNodes) -> None:
    """In mean and log-deviation of a Gaussian model, the critic held fixed (Arjovsky and Bottou 2017, theorem 2.5)."""
    phi = objective.generator_divergence.f
    if phi is None:
        return
    mean, log_deviation = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.8, math.log(1.1)))
    away = (nodes.points[:, 0] - mean) * (-log_deviation).exp()
    log_q = -0.5 * away.square() - log_deviation - 0.5 * math.log(2 * math.pi)
    critic = objective.optimal_output(nodes.log_ratio).detach()
    q = nodes.widths * log_q.exp()
    loss = (q * objective.generator_terms(critic)).sum()
    stated = (q * phi((nodes.log_p - log_q).exp())).sum()
    of_loss, of_stated = (
        torch.stack(torch.autograd.grad(x, (mean, log_deviation), retain_graph=True)) for x in (loss, stated)
    )
    member.require(
        torch.allclose(of_loss, of_stated, rtol=1e-7, atol=1e-8),
        f"the generator's loss has the gradient {of_loss.tolist()}, but the {objective.generator_divergence.name} that "
        f"generator_divergence states has {of_stated.tolist()}",
    )
