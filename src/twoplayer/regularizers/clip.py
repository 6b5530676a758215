"""Weight clipping: every critic weight stays in a small box, which bounds the Lipschitz constant.

Source: Arjovsky et al. 2017, "Wasserstein GAN", Algorithm 1, line 7.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.core.ranges import Positive
from twoplayer.regularizers._base import Constraint

__all__ = ["WeightClipping"]


class WeightClipping(Constraint):
    """Clamp every critic parameter to [−limit, limit] after each critic step.

    Args:
        limit: c in the paper, above 0.
    """

    bounds_weights: ClassVar[bool] = True
    schedulable: ClassVar[frozenset[str]] = frozenset({"limit"})

    def __init__(self, *, limit: Positive = 0.01) -> None:
        if limit <= 0:
            raise UserError(f"the clipping limit must be above 0, not {limit}")
        self.limit = limit

    def install(self, critic: nn.Module) -> None:
        self.enforce(critic)

    @torch.no_grad()
    def enforce(self, critic: nn.Module) -> None:
        parameters: list[Tensor] = [p.data for p in critic.parameters()]
        torch._foreach_clamp_min_(parameters, -self.limit)
        torch._foreach_clamp_max_(parameters, self.limit)
