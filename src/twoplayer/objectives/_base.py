"""The root of the objective family: the value functions of both players, on critic outputs only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from twoplayer.objectives._divergence import Divergence

__all__ = ["AdaptiveObjective", "Objective", "SampleWeights"]

SampleWeights = tuple[Tensor, Tensor]
"""Probabilities of the real rows ``(N,)`` and of the fake rows ``(M,)``, each summing to one."""


class Objective(nn.Module, ABC):
    """The losses of critic and generator as functions of critic outputs, with the theory that belongs to them.

    An objective is a module, so that one with a state of its own (`AdaptiveObjective`) saves and restores it with
    its buffers. Losses are computed in the precision of the outputs, float32 at least.

    Notation: p is the density of the data, q that of the generator's samples, D the critic, before any sigmoid. Every
    objective states three facts, and the tests check them against `twoplayer.theory` by quadrature:

    - `estimate` is at most `divergence`, for every critic;
    - the critic of `optimal_output` attains it;
    - with that critic held fixed, the generator's loss has the gradient of `generator_divergence`.

    Where `needs_lipschitz` is true, the first fact holds for 1-Lipschitz critics only.

    >>> import torch
    >>> from twoplayer import objectives
    >>> hinge = objectives.create("hinge")
    >>> real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    >>> hinge.critic_loss(real, fake)  # mean(0, 0.5) + mean(0, 1)
    tensor(0.7500)
    >>> hinge.generator_loss(fake)
    tensor(1.5000)
    >>> hinge.divergence.name, hinge.generator_divergence.name
    ('total variation', 'twice total variation')
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "score"
    """What the critic must return: a ``"score"`` (larger is more real) or an ``"energy"`` (larger is less real)."""
    uses_real_outputs: ClassVar[bool] = False
    """Whether `generator_loss` also needs the critic outputs on real samples."""
    needs_lipschitz: ClassVar[bool] = False
    """Whether the critic's loss is unbounded below unless a regularizer bounds the critic's Lipschitz constant."""
    pointwise: bool = True
    """Whether the optimal critic output at x is a function of the density ratio p(x)/q(x) alone.

    A class attribute, but for an objective where it depends on an option (`relativistic`), which sets it when it is
    created.
    """

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss that the critic minimizes.

        Args:
            real: Critic outputs on real samples, ``(N,)``.
            fake: Critic outputs on generated samples, ``(M,)``.

        Returns:
            A scalar, float32 at least.

        Raises:
            UserError: If the outputs are not one-dimensional.
        """

    @abstractmethod
    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The loss that the generator minimizes.

        Args:
            fake: Critic outputs on generated samples, ``(M,)``.
            real: Critic outputs on real samples, ``(N,)``; required where `uses_real_outputs` is true, else unused.

        Returns:
            A scalar, float32 at least.

        Raises:
            UserError: If the outputs are not one-dimensional.
        """

    @property
    @abstractmethod
    def divergence(self) -> Divergence:
        """The divergence that `estimate` attains with the optimal critic."""

    @property
    @abstractmethod
    def generator_divergence(self) -> Divergence:
        """The functional that the generator minimizes when the critic is optimal and held fixed.

        If the loss of a sample is ψ(u) at the ratio u = p/q, then ∂E_q ψ(p/q) with ψ frozen is the gradient of
        ∫ q φ(p/q) for the φ with φ(u) − u φ′(u) = ψ(u) + const. For most objectives this is a different divergence
        from the one that the critic estimates (Arjovsky and Bottou 2017, theorem 2.5).
        """

    @abstractmethod
    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        """The optimal critic output at points where log p/q is `log_ratio`, before the objective's own activation.

        Args:
            log_ratio: log p(x)/q(x), of any shape.

        Returns:
            Critic outputs of the same shape.

        Raises:
            UserError: If `pointwise` is false; the message says what is optimal instead.
        """

    @abstractmethod
    def estimate(self, real: Tensor, fake: Tensor, weights: SampleWeights | None = None) -> Tensor:
        """The variational estimate of `divergence`: a lower bound, up to sampling error.

        Args:
            real: Critic outputs on real samples, ``(N,)``.
            fake: Critic outputs on generated samples, ``(M,)``.
            weights: Probabilities of the rows, as for a quadrature; equal for all rows by default.

        Returns:
            A scalar in the unit of `divergence`.
        """


class AdaptiveObjective(Objective):
    """An objective with a state that changes from step to step."""

    @abstractmethod
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        """Update the state at the end of a step.

        Args:
            real: The step's last critic outputs on real samples, ``(N,)``.
            fake: The step's last critic outputs on generated samples, ``(M,)``.
        """
