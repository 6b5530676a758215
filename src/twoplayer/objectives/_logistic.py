"""The logistic loss of a critic that tells real from fake, shared by the objectives of the first GAN paper."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["logistic_critic_loss"]


def logistic_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """−E log σ(D(x)) − E log(1 − σ(D(G(z)))), minus eq. 1 of Goodfellow et al. 2014; log σ(d) = −softplus(−d)."""
    return softplus(-real).mean() + softplus(fake).mean()
