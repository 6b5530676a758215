"""Hinge: the critic stops caring once real and fake are a margin apart.

Source: Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral Normalization for GANs", eq. 16 and 17.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from twoplayer.objectives._divergence import TOTAL_VARIATION, Divergence, total_variation
from twoplayer.objectives._separable import Separable

__all__ = ["Hinge"]


class Hinge(Separable):
    """E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))) for the critic, −E D(G(z)) for the generator."""

    def real_terms(self, real: Tensor) -> Tensor:
        return relu(1 - real)

    def fake_terms(self, fake: Tensor) -> Tensor:
        return relu(1 + fake)

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -fake

    def worth(self, loss: Tensor) -> Tensor:
        return 1 - loss / 2  # at the optimum L = 2 ∫ min(p, q)

    @property
    def divergence(self) -> Divergence:
        return TOTAL_VARIATION

    @property
    def followed(self) -> Divergence:
        return Divergence("twice total variation", "∫ |p − q|", lambda u: 2 * total_variation(u), "probability")

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio.sign()
