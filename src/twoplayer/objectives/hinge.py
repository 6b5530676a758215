"""Hinge: the critic's loss is zero for outputs beyond a margin of one.

Source: Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, "Spectral Normalization for GANs", eq. 16 and 17.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from twoplayer.objectives._divergence import TOTAL_VARIATION, Divergence, total_variation
from twoplayer.objectives._separable import Separable

__all__ = ["Hinge"]


class Hinge(Separable):
    """Critic loss E max(0, 1 − D(x)) + E max(0, 1 + D(G(z))), generator loss −E D(G(z)).

    >>> import torch
    >>> Hinge().critic_loss(real=torch.tensor([1.5]), fake=torch.tensor([-0.25]))
    tensor(0.7500)
    """

    def real_terms(self, real: Tensor) -> Tensor:
        return relu(1 - real)  # eq. 16, first term

    def fake_terms(self, fake: Tensor) -> Tensor:
        return relu(1 + fake)  # eq. 16, second term

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -fake  # eq. 17

    def estimate_from_loss(self, loss: Tensor) -> Tensor:
        return 1 - loss / 2  # at the optimum L = 2 ∫ min(p, q)

    @property
    def divergence(self) -> Divergence:
        return TOTAL_VARIATION

    @property
    def generator_divergence(self) -> Divergence:
        return Divergence("twice total variation", "∫ |p − q|", lambda u: 2 * total_variation(u), "probability")

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio.sign()
