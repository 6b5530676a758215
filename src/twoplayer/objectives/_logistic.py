"""The critic of the first GAN paper: logistic regression of real against generated samples."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import JENSEN_SHANNON, Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["Logistic"]


class Logistic(Separable):
    """Critic loss −E log σ(D(x)) − E log(1 − σ(D(G(z)))), minus eq. 1 of Goodfellow et al. 2014.

    The optimal σ(D) is p/(p + q) (proposition 1), where the value is 2·JSD − log 4 (theorem 1). Losses are written
    with softplus, since log σ(d) = −softplus(−d) and log(1 − σ(d)) = −softplus(d).
    """

    def real_terms(self, real: Tensor) -> Tensor:
        return softplus(-real)  # eq. 1, first term: −log σ(d)

    def fake_terms(self, fake: Tensor) -> Tensor:
        return softplus(fake)  # eq. 1, second term: −log(1 − σ(d))

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        return math.log(2) - loss / 2  # theorem 1: JSD = (V + log 4) / 2

    @property
    def divergence(self) -> Divergence:
        return JENSEN_SHANNON

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio  # proposition 1: σ(D) = p/(p + q)
