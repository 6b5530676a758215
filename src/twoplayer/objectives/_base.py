"""The root of the objective family: the value functions of both players, on critic outputs only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from twoplayer.objectives._divergence import Divergence

__all__ = ["Adaptive", "Objective", "Weights"]

Weights = tuple[Tensor, Tensor]
"""Probabilities of real rows and of fake rows, each summing to one."""


class Objective(nn.Module, ABC):
    """What each player minimizes, as a function of critic outputs of shape ``(B,)``, and what that claims.

    A module, so that an objective with a state of its own saves and resumes with its buffers. Losses are
    computed in the precision of the outputs they are given, in float32 at least.

    The claim: with p the data's density and q the model's, no critic's `estimate` passes `divergence`, the critic
    of `optimal_output` reaches it, and against that critic, held fixed, the generator's loss has the gradient of
    `followed`. Where `needs_lipschitz` is true this is said of 1-Lipschitz critics only: any other may pass it.
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "score"
    """What the critic must return for this objective to make sense."""
    pairs: ClassVar[bool] = False
    """Whether the generator's loss also needs critic outputs on real samples."""
    needs_lipschitz: ClassVar[bool] = False
    """Whether the critic can lower its loss without end by growing steeper, so that a rule must hold its slope."""
    pointwise: bool = True
    """Whether the optimal critic output is a function of the density ratio alone."""

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimizes, a scalar."""

    @abstractmethod
    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What the generator minimizes, a scalar; `real` is given where `pairs` is true."""

    @property
    @abstractmethod
    def divergence(self) -> Divergence:
        """What `estimate` reaches when the critic is optimal."""

    @property
    @abstractmethod
    def followed(self) -> Divergence:
        """What the generator descends: its loss has this one's gradient when the critic is optimal and held fixed.

        Where the loss of a sample is ψ(u) at the ratio u = p/q, ∂E_q ψ(p/q) with ψ frozen is the gradient of
        ∫ q φ(p/q) for the φ with φ(u) − u φ′(u) = ψ(u) + const. For most objectives that is another divergence
        than the one the critic estimates (Arjovsky and Bottou 2017, theorem 2.5).
        """

    @abstractmethod
    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        """The critic output, before any activation of the objective's own, that is best where log p/q = `log_ratio`.

        Raises `UserError` where `pointwise` is false, with what is optimal instead.
        """

    @abstractmethod
    def estimate(self, real: Tensor, fake: Tensor, weights: Weights | None = None) -> Tensor:
        """The variational estimate of `divergence` in its unit, a scalar, from critic outputs ``(N,)`` and ``(M,)``.

        It is a lower bound up to sampling error (where `needs_lipschitz`, for 1-Lipschitz critics): means over rows, or
        over `weights`, as for a quadrature.
        """


class Adaptive(Objective):
    """An objective with a state that moves with the game."""

    @abstractmethod
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        """Move the state after a round, given that round's last critic outputs on both sides."""
