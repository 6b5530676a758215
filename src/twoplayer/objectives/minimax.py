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
    r"""V(D, G) = E log σ(D(x)) + E log(1 − σ(D(G(z)))), maximized by the critic, minimized by the generator.

    >>> import torch
    >>> Minimax().critic_loss(torch.zeros(4), torch.zeros(4)).item() == 2 * torch.log(torch.tensor(2.0)).item()
    True
    """

    def generator_terms(self, fake: Tensor) -> Tensor:
        return -softplus(fake)  # log(1 − σ(d)) = −softplus(d)

    @property
    def followed(self) -> Divergence:
        """V at the best critic is 2·JSD − log 4 (theorem 1), of which the constant has no gradient."""
        return TWICE_JENSEN_SHANNON
