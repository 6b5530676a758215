"""Objectives whose losses are means of terms, each of one critic output."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from twoplayer.objectives._base import Objective, Weights
from twoplayer.objectives._numerics import average, precise

__all__ = ["Separable"]


class Separable(Objective):
    """The critic's loss is E r(D(x)) + E s(D(G(z))), the generator's E ℓ(D(G(z)))."""

    @abstractmethod
    def real_terms(self, real: Tensor) -> Tensor:
        """r, elementwise."""

    @abstractmethod
    def fake_terms(self, fake: Tensor) -> Tensor:
        """s, elementwise."""

    @abstractmethod
    def generator_terms(self, fake: Tensor) -> Tensor:
        """ℓ, elementwise."""

    @abstractmethod
    def worth(self, loss: Tensor) -> Tensor:
        """The estimate that a critic's loss amounts to, falling as the loss grows."""

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._critic_loss(real, fake, None)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return average(self.generator_terms(precise(fake)))

    def estimate(self, real: Tensor, fake: Tensor, weights: Weights | None = None) -> Tensor:
        return self.worth(self._critic_loss(real, fake, weights))

    def _critic_loss(self, real: Tensor, fake: Tensor, weights: Weights | None) -> Tensor:
        on_real, on_fake = weights or (None, None)
        return average(self.real_terms(precise(real)), on_real) + average(self.fake_terms(precise(fake)), on_fake)
