"""The roots of the regularizer family: penalties and constraints of either player, and changes of its inputs."""

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
    "GeneratorPenalty",
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


class Regularizer(ABC):  # noqa: B024 - the root of kinds that share no method
    """Anything that keeps a player well-behaved; every concrete one is of one of the kinds below."""

    needs_images: ClassVar[bool] = False
    """Whether it makes no sense for points."""
    schedulable: ClassVar[frozenset[str]] = frozenset()
    """Options that a schedule may change while training goes on: attributes that every step reads anew."""


class Penalty(Regularizer):
    """A term added to the critic's loss.

    Args:
        every: the term acts in every so many steps only, in an optimizer step of its own and with so many times its
            weight, as the lazy regularization of Karras et al. 2020, "Analyzing and Improving the Image Quality of
            StyleGAN", appendix B.
    """

    every: int = 1

    needs_input_gradient: ClassVar[bool] = False
    """Whether the samples in `CriticBatch` must have required gradients when the critic saw them."""
    fights_batch_statistics: ClassVar[bool] = False
    """Whether it sets the slope at every sample by itself, which means nothing where outputs depend on the batch."""

    @abstractmethod
    def penalty(self, critic: nn.Module, scored: CriticBatch, random: torch.Generator) -> Tensor:
        """The term, a scalar, with a graph into the critic's parameters."""


class GeneratorPenalty(Regularizer):
    """A term added to the generator's loss, such as path length regularization (Karras et al. 2020, eq. 4).

    Args:
        every: as for `Penalty`.
    """

    every: int = 1

    @abstractmethod
    def penalty(self, generator: nn.Module, inputs: Tensor, random: torch.Generator) -> Tensor:
        """The term, a scalar, with a graph into the generator's parameters.

        Args:
            generator: the generator.
            inputs: the generator's inputs in this step, ``(B, inputs)``.
            random: for what the term draws.
        """


class Constraint(Regularizer):
    """A restriction of the critic's weights."""

    bounds_weights: ClassVar[bool] = False
    """Whether it clamps the weights themselves."""
    normalizes_weights: ClassVar[bool] = False
    """Whether the critic computes with normalized copies of the weights."""

    @abstractmethod
    def install(self, critic: nn.Module) -> None:
        """Called once, before optimizers are made."""

    @abstractmethod
    def enforce(self, critic: nn.Module) -> None:
        """Called after each critic step."""


class Perturbation(Regularizer):
    """A change of every sample that the critic sees, real and fake alike."""

    @abstractmethod
    def perturb(self, samples: Tensor, random: torch.Generator, step: int, parts: list[int] | None = None) -> Tensor:
        """The samples as the critic shall see them, differentiably; `step` counts finished steps.

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
        """Move the strength after a step.

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
