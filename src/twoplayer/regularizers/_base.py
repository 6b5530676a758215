"""The roots of the regularizer family: three ways of keeping the critic well-behaved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

__all__ = [
    "AdaptivePerturbation",
    "Constraint",
    "CriticBatch",
    "Penalty",
    "Perturbation",
    "Regularizer",
    "input_gradient",
]


@dataclass(frozen=True)
class CriticBatch:
    """One critic step's inputs and outputs: samples ``(B, *shape)`` and critic outputs ``(B,)``."""

    real: Tensor
    fake: Tensor
    real_output: Tensor
    fake_output: Tensor


class Regularizer(ABC):  # noqa: B024 - the root of three kinds that share no method
    """Anything that keeps the critic well-behaved; every concrete one is one of the three kinds below."""

    needs_images: ClassVar[bool] = False
    """Whether it makes no sense for points."""


class Penalty(Regularizer):
    """A term added to the critic's loss."""

    needs_input_gradient: ClassVar[bool] = False
    """Whether the samples in `CriticBatch` must have required gradients when the critic saw them."""
    fights_batch_statistics: ClassVar[bool] = False
    """Whether it sets the slope at every sample by itself, which means nothing where outputs depend on the batch."""

    @abstractmethod
    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        """The term, a scalar, with a graph into the critic's parameters."""


class Constraint(Regularizer):
    """A restriction of the critic's weights."""

    @abstractmethod
    def install(self, critic: nn.Module) -> None:
        """Called once, before optimizers are made."""

    @abstractmethod
    def enforce(self, critic: nn.Module) -> None:
        """Called after each critic step."""


class Perturbation(Regularizer):
    """A change of every sample that the critic sees, real and fake alike."""

    @abstractmethod
    def perturb(self, samples: Tensor, random: torch.Generator, rounds: int, parts: list[int] | None = None) -> Tensor:
        """The samples as the critic shall see them, differentiably; `rounds` counts finished rounds.

        `parts` are the channels of each picture where several lie on each other in a sample.
        """


class AdaptivePerturbation(Perturbation, nn.Module):
    """A perturbation whose strength can follow the game; a module, so that it saves and resumes with its buffers."""

    adapts: bool
    """Whether it does."""
    strength: Tensor
    """Now, a scalar."""

    @abstractmethod
    def adapt(self, margin: Tensor) -> None:
        """Move the strength after a round.

        `margin` are critic outputs on real samples less the output that means "as likely real as fake": a row for each
        sample, ``(B,)``, or ``(B, P)`` where a critic gives several.
        """


def input_gradient(output: Tensor, samples: Tensor) -> Tensor:
    """∂D(x)/∂x for every row, flattened to ``(B, F)``, with a graph for a second derivative.

    Of a critic that gives several outputs a sample, D(x) is their mean, as it is in every objective.
    """
    score = output.reshape(len(samples), -1).mean(1)
    (gradient,) = torch.autograd.grad(score.sum(), samples, create_graph=True)
    return gradient.flatten(1)
