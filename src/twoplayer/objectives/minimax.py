"""Minimax: the original two-player value function, with the saturating generator loss.

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", eq. 1.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._base import Objective
from twoplayer.objectives._logistic import logistic_critic_loss

__all__ = ["Minimax"]


class Minimax(Objective):
    r"""V(D, G) = E log σ(D(x)) + E log(1 − σ(D(G(z)))), maximized by the critic, minimized by the generator.

    >>> import torch
    >>> Minimax().critic_loss(torch.zeros(4), torch.zeros(4)).item() == 2 * torch.log(torch.tensor(2.0)).item()
    True
    """

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return logistic_critic_loss(real, fake)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -softplus(fake).mean()  # log(1 − σ(d)) = −softplus(d)
