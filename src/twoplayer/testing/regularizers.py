"""The contract of regularizers: penalties, constraints and perturbations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from twoplayer.regularizers import Constraint, CriticBatch, Penalty, Perturbation
from twoplayer.testing._member import Member, isolated_random_state

__all__ = ["check_regularizer"]

POINTS = (2,)
IMAGES = (3, 8, 8)
STEEPNESS = 50.0
"""Factor of the last layer of the critic that penalties are applied to, so that limits are exceeded."""


def check_regularizer(regularizer: Any, **options: Any) -> None:
    """Check the contract of a regularizer.

    It is of exactly one kind. A penalty is a finite scalar whose gradient reaches the critic's parameters; a constraint
    leaves the critic working, and holds again after the weights moved; a perturbation keeps shape and dtype and
    is differentiable. What is random comes from the generator that is passed.

    Args:
        regularizer: a registered name, a class, or an object.
        options: keyword arguments of the constructor.

    Raises:
        AssertionError: where the contract is broken; the message says what was expected.
    """
    member = Member.of("regularizers", regularizer, options=options)
    made = member.make()
    kinds = [kind for kind in (Penalty, Constraint, Perturbation) if isinstance(made, kind)]
    member.require(len(kinds) == 1, "must extend exactly one of Penalty, Constraint and Perturbation")
    shape = IMAGES if made.needs_images else POINTS
    checks: dict[type[Any], Callable[[Member, tuple[int, ...]], None]] = {
        Penalty: _check_penalty,
        Constraint: _check_constraint,
        Perturbation: _check_perturbation,
    }
    checks[kinds[0]](member, shape)


def _critic(shape: tuple[int, ...], steepness: float = 1.0) -> nn.Module:
    """Samples ``(B, *shape)`` to outputs ``(B,)``, in float64."""
    inputs = torch.Size(shape).numel()
    with isolated_random_state():
        body, last = nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 1)
    with torch.no_grad():
        last.weight.mul_(steepness)
    return nn.Sequential(nn.Flatten(), body, last, nn.Flatten(0)).double()


def _samples(shape: tuple[int, ...], seed: int, count: int = 64) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, *shape, generator=random, dtype=torch.float64).clamp(-1, 1)


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _check_penalty(member: Member, shape: tuple[int, ...]) -> None:
    critic = _critic(shape, STEEPNESS)
    real, fake = (_samples(shape, seed).requires_grad_() for seed in (0, 1))

    def penalty() -> Tensor:
        term: Tensor = member.make().penalty(critic, CriticBatch(real, fake, critic(real), critic(fake)), _random())
        return term

    with member.raises_nothing("penalty"), member.keeps_global_random_state("penalty"):
        term = penalty()
    member.require(term.shape == (), f"penalty must be a scalar, not of shape {tuple(term.shape)}")
    member.require(term.isfinite(), f"penalty must be finite, not {term.item()}")
    member.require(torch.equal(term, penalty()), "penalty must depend on the generator it is passed alone")
    member.require(term.requires_grad, "penalty must be differentiable in the critic's parameters")
    gradients = torch.autograd.grad(term, list(critic.parameters()), allow_unused=True)
    reached = [g for g in gradients if g is not None]
    member.require(all(g.isfinite().all() for g in reached), "penalty must have finite gradients")
    # The last bias moves neither a slope nor a variance.
    missed = [n for (n, _), g in zip(list(critic.named_parameters())[:-1], gradients, strict=False) if g is None]
    member.require(not missed, f"the gradient of penalty must reach every layer of the critic, but misses {missed}")
    member.require(any(g.any() for g in reached), "penalty must have a gradient that is not zero")


def _check_constraint(member: Member, shape: tuple[int, ...]) -> None:
    critic, constraint, samples = _critic(shape), member.make(), _samples(shape, 0)
    with member.raises_nothing("install"):
        constraint.install(critic)
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.add_(3)
    with member.raises_nothing("enforce"):
        constraint.enforce(critic)
        once = copy.deepcopy(critic.state_dict())
        constraint.enforce(critic)
    same = all(torch.equal(once[k], v) for k, v in critic.state_dict().items())
    member.require(same, "enforce must change nothing where it was called before")
    outputs = critic(samples)
    member.require(outputs.shape == (len(samples),) and outputs.isfinite().all(), "the critic must still work")
    twin = _critic(shape)
    member.make().install(twin)
    with member.raises_nothing("loading a constrained critic's state dict into another one"):
        twin.load_state_dict(critic.state_dict())
    member.require(
        torch.equal(twin.eval()(samples), critic.eval()(samples)), "a constrained critic's state dict must restore it"
    )
    (slope,) = torch.autograd.grad(critic(samples.requires_grad_()).sum(), samples)
    member.require(slope.isfinite().all(), "the critic must still be differentiable")


def _check_perturbation(member: Member, shape: tuple[int, ...]) -> None:
    perturbation = member.make()
    for dtype in (torch.float32, torch.float64):
        samples = _samples(shape, 0).to(dtype).requires_grad_()
        with member.raises_nothing("perturb"), member.keeps_global_random_state("perturb"):
            perturbed = perturbation.perturb(samples, _random(), 0)
        expected = f"must keep shape and dtype {tuple(samples.shape)}, {dtype}"
        got = f"{tuple(perturbed.shape)}, {perturbed.dtype}"
        member.require((perturbed.shape, perturbed.dtype) == (samples.shape, dtype), f"perturb {expected}, not {got}")
        member.require(perturbed.isfinite().all(), "perturbed samples must be finite")
        again = perturbation.perturb(samples, _random(), 0)
        member.require(torch.equal(perturbed, again), "perturb must depend on the generator it is passed alone")
        member.require(perturbed.requires_grad, "perturb must be differentiable in the samples")
        (gradient,) = torch.autograd.grad(perturbed.sum(), samples)
        member.require(gradient.isfinite().all() and gradient.any(), "perturb must have finite gradients, not all zero")
    if isinstance(perturbation, nn.Module):
        with member.raises_nothing("loading its state dict"):
            member.make().load_state_dict(perturbation.state_dict())
