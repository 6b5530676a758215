"""The root of the objective family: the value functions of both players, on critic outputs only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

__all__ = ["Adaptive", "Objective"]


class Objective(nn.Module, ABC):
    """What each player minimizes, as a function of critic outputs of shape ``(B,)``.

    A module, so that an objective with a state of its own saves and resumes with its buffers. Losses are
    computed in the precision of the outputs they are given; critics return float32 at least.
    """

    critic_output: ClassVar[Literal["score", "energy"]] = "score"
    """What the critic must return for this objective to make sense."""
    pairs: ClassVar[bool] = False
    """Whether the generator's loss also needs critic outputs on real samples."""
    needs_lipschitz: ClassVar[bool] = False
    """Whether the critic can lower its loss without end by growing steeper, so that a rule must hold its slope."""

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimizes, a scalar."""

    @abstractmethod
    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What the generator minimizes, a scalar; `real` is given where `pairs` is true."""


class Adaptive(Objective):
    """An objective with a state that moves with the game."""

    @abstractmethod
    def adapt(self, real: Tensor, fake: Tensor) -> None:
        """Move the state after a round, given that round's last critic outputs on both sides."""
