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
    """E D(x) − E D(G(z)), a distance only while something holds the critic Lipschitz (`clip`, `gradient-penalty`).

    A critic of Lipschitz constant K estimates K times the distance.
    """

    needs_lipschitz: ClassVar[bool] = True
    pointwise = False

    def real_terms(self, real: Tensor) -> Tensor:
        return -real

    def fake_terms(self, fake: Tensor) -> Tensor:
        return fake

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -fake

    def worth(self, loss: Tensor) -> Tensor:
        return -loss

    @property
    def divergence(self) -> Divergence:
        formula = "sup of E_p D − E_q D over 1-Lipschitz D"
        return Divergence("Wasserstein-1", formula, unit="distance between samples, times the critic's slope")

    @property
    def followed(self) -> Divergence:
        return self.divergence

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        raise UserError(
            "the optimal Wasserstein critic is a Kantorovich potential, which no density ratio determines: "
            "take twoplayer.theory.potential"
        )
