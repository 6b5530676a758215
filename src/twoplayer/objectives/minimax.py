"""Minimax: the original two-player value function, with the saturating generator loss.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", eq. 1.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import TWICE_JENSEN_SHANNON, Divergence
from twoplayer.objectives._logistic import Logistic

__all__ = ["Minimax"]


class Minimax(Logistic):
    """V(D, G) = E log σ(D(x)) + E log(1 − σ(D(G(z)))): the critic maximizes it, the generator minimizes it (eq. 1).

    The generator's gradient vanishes where the critic classifies its samples as generated with confidence; see
    `non-saturating`.

    >>> import torch
    >>> Minimax().critic_loss(torch.zeros(4), torch.zeros(4))  # log 4 where the critic cannot distinguish the sides
    tensor(1.3863)
    """

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -softplus(fake)  # log(1 − σ(d)) = −softplus(d)

    @property
    def generator_divergence(self) -> Divergence:
        """With the optimal critic V is 2·JSD − log 4 (theorem 1)."""
        return TWICE_JENSEN_SHANNON
