"""Non-saturating: the log D trick, the generator maximizes log D(G(z)).

Source: Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from twoplayer.objectives._base import Objective
from twoplayer.objectives._logistic import logistic_critic_loss

__all__ = ["NonSaturating"]


class NonSaturating(Objective):
    """The minimax critic with a generator whose gradient does not vanish where the critic is sure."""

    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        return logistic_critic_loss(real, fake)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return softplus(-fake).mean()  # −log σ(d)
