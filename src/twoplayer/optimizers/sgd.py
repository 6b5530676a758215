"""SGD: steps down the gradient, with momentum if wanted.

Source: Robbins & Monro 1951, "A Stochastic Approximation Method".
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import torch

from twoplayer.core.ranges import Decay, within
from twoplayer.optimizers._base import OptimizerMaker, without_compiler_hooks

__all__ = ["SGD"]


@final
class SGD(OptimizerMaker):
    """Stochastic gradient descent, the optimizer of the theory.

    Args:
        momentum: momentum, in [0, 1).
    """

    group_options: ClassVar[frozenset[str]] = frozenset({"momentum"})

    def __init__(self, *, momentum: Decay = 0.0) -> None:
        self.momentum = within(Decay, momentum=momentum)

    def make(self, groups: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        return without_compiler_hooks(torch.optim.SGD)(groups, momentum=self.momentum, foreach=True)
