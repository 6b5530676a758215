"""The critic of the first GAN paper, which tells real from fake by logistic regression."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import JENSEN_SHANNON, Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["Logistic"]


class Logistic(Separable):
    """−E log σ(D(x)) − E log(1 − σ(D(G(z)))), minus eq. 1 of Goodfellow et al. 2014; log σ(d) = −softplus(−d).

    The optimal σ(D) is p/(p + q) (proposition 1), where V = −log 4 + 2·JSD (theorem 1).
    """

    def real_terms(self, real: Tensor) -> Tensor:
        return softplus(-real)

    def fake_terms(self, fake: Tensor) -> Tensor:
        return softplus(fake)

    def worth(self, loss: Tensor) -> Tensor:
        return math.log(2) - loss / 2

    @property
    def divergence(self) -> Divergence:
        return JENSEN_SHANNON

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio
