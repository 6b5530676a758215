"""f-GAN, Jensen-Shannon: f(u) = u log u − (u + 1) log((u + 1)/2), twice the Jensen-Shannon divergence.

Source: Nowozin et al. 2016, "f-GAN", table 6, whose f carries no factor ½.
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._divergence import (
    REVERSE_LESS_TWICE_JENSEN_SHANNON,
    TWICE_JENSEN_SHANNON,
    Divergence,
    jensen_shannon,
)
from twoplayer.objectives._variational import Variational

__all__ = ["FganJS"]


class FganJS(Variational):
    """The f-GAN of twice the Jensen-Shannon divergence: f*(t) = −log(2 − e^t) for t < log 2.

    T = log 2 − log(1 + e^(−V)). The optimal output is V = log p/q.

    Args:
        generator_loss: The generator's loss: ``"alternative"``, −E g_f(V(G(z))) (section 3.2), or ``"minimax"``,
            −E f*(g_f(V(G(z)))). Default ``"alternative"``.
    """

    conjugate_domain = (-math.inf, math.log(2))
    threshold = 0.0

    def f(self, u: Tensor) -> Tensor:
        return 2 * jensen_shannon(u)  # table 6, f

    def conjugate(self, t: Tensor) -> Tensor:
        return -(2 - t.exp()).log()  # table 6, f*

    def activation(self, v: Tensor) -> Tensor:
        return math.log(2) - softplus(-v)  # section 2.3, output activation

    def conjugate_of_activation(self, v: Tensor) -> Tensor:
        return softplus(v) - math.log(2)

    def optimal_output(self, log_ratio: Tensor) -> Tensor:
        return log_ratio

    @property
    def divergence(self) -> Divergence:
        return TWICE_JENSEN_SHANNON

    @property
    def alternative_divergence(self) -> Divergence:
        return REVERSE_LESS_TWICE_JENSEN_SHANNON
