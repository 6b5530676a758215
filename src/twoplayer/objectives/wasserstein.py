"""Wasserstein: the critic estimates the earth mover distance through its Kantorovich dual.

Source: Arjovsky et al. 2017, "Wasserstein GAN", eq. 2, eq. 3 and Algorithm 1.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from twoplayer.core.errors import UserError
from twoplayer.objectives._divergence import Divergence
from twoplayer.objectives._separable import Separable

__all__ = ["Wasserstein"]


class Wasserstein(Separable):
    """Critic loss E D(G(z)) − E D(x), generator loss −E D(G(z)) (eq. 2 and 3).

    The estimate is the Wasserstein-1 distance for 1-Lipschitz critics only, so a regularizer must bound the critic's
    Lipschitz constant (`clip`, `gradient-penalty`, `spectral-norm`). A critic of Lipschitz constant K estimates at
    most K times the distance.

    >>> import torch
    >>> Wasserstein().estimate(real=torch.tensor([3.0]), fake=torch.tensor([1.0]))
    tensor(2.)
    """

    needs_lipschitz: ClassVar[bool] = True
    pointwise: bool = False

    def real_terms(self, real: Tensor) -> Tensor:
        return -real  # eq. 2, first term

    def fake_terms(self, fake: Tensor) -> Tensor:
        return fake  # eq. 2, second term

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -fake  # the generator's part of eq. 2; theorem 3

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        return -loss

    @property
    def divergence(self) -> Divergence:
        formula = "sup of E_p D − E_q D over 1-Lipschitz D"
        return Divergence("Wasserstein-1", formula, unit="distance between samples, times the critic's slope")

    @property
    def generator_divergence(self) -> Divergence:
        return self.divergence

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        raise UserError(
            "the optimal Wasserstein critic is a Kantorovich potential, which no density ratio determines: "
            "twoplayer.theory.kantorovich_potential computes it on the line"
        )
