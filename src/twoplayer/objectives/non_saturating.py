"""Non-saturating: the log D trick, the generator maximizes log D(G(z)).

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import REVERSE_LESS_TWICE_JENSEN_SHANNON, Divergence
from twoplayer.objectives._logistic import Logistic

__all__ = ["NonSaturating"]


class NonSaturating(Logistic):
    """The minimax critic with the generator loss −E log σ(D(G(z))), whose gradient does not vanish.

    >>> import torch
    >>> NonSaturating().generator_loss(torch.tensor([-20.0]))
    tensor(20.)
    """

    def generator_terms(self, fake: Tensor) -> Tensor:
        return softplus(-fake)  # −log σ(d)

    @property
    def generator_divergence(self) -> Divergence:
        """Arjovsky and Bottou 2017, "Towards Principled Methods for Training GANs", theorem 2.5."""
        return REVERSE_LESS_TWICE_JENSEN_SHANNON
