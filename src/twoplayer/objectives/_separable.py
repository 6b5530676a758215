"""Objectives whose losses are means of terms, each a function of one critic output."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from twoplayer.objectives._base import Objective, SampleWeights
from twoplayer.objectives._numerics import checked_outputs, weighted_mean

__all__ = ["Separable"]


class Separable(Objective):
    """The critic's loss is E r(D(x)) + E s(D(G(z))), the generator's is E ℓ(D(G(z)))."""

    @abstractmethod
    def real_terms(self, real: Tensor) -> Tensor:
        """r, elementwise on critic outputs on real samples."""

    @abstractmethod
    def fake_terms(self, fake: Tensor) -> Tensor:
        """s, elementwise on critic outputs on generated samples."""

    @abstractmethod
    def generator_terms(self, fake: Tensor) -> Tensor:
        """ℓ, elementwise on critic outputs on generated samples."""

    @abstractmethod
    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        """The estimate of `divergence` as a decreasing function of the critic's loss."""

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._critic_loss(real, fake, (None, None))

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return weighted_mean(self.generator_terms(checked_outputs(fake)))

    def estimate(self, real: Tensor, fake: Tensor, weights: SampleWeights | None = None) -> Tensor:
        return self.estimate_from_loss(self._critic_loss(real, fake, weights or (None, None)))

    def _critic_loss(self, real: Tensor, fake: Tensor, weights: tuple[Tensor | None, Tensor | None]) -> Tensor:
        real_terms = self.real_terms(checked_outputs(real))
        fake_terms = self.fake_terms(checked_outputs(fake))
        return weighted_mean(real_terms, weights[0]) + weighted_mean(fake_terms, weights[1])
