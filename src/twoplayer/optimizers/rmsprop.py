"""RMSprop: steps by the gradient over the root of its mean square.

Source: Tieleman & Hinton 2012, Coursera "Neural Networks for Machine Learning", lecture 6.5.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import torch

from twoplayer.core.ranges import Decay, within
from twoplayer.optimizers._base import OptimizerMaker, without_compiler_hooks

__all__ = ["RMSprop"]


@final
class RMSprop(OptimizerMaker):
    """The optimizer of the Wasserstein GAN with clipping, and of functional gradients.

    Args:
        alpha: decay rate of the mean square, in [0, 1).
        momentum: momentum, in [0, 1).
    """

    group_options: ClassVar[frozenset[str]] = frozenset({"alpha", "momentum"})

    def __init__(self, *, alpha: Decay = 0.99, momentum: Decay = 0.0) -> None:
        self.alpha, self.momentum = within(Decay, alpha=alpha), within(Decay, momentum=momentum)

    def make(self, groups: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        kind = without_compiler_hooks(torch.optim.RMSprop)
        return kind(groups, alpha=self.alpha, momentum=self.momentum, foreach=True)

    def lazy(self, interval: int) -> RMSprop:
        c = interval / (interval + 1)  # as for Adam's second moment
        return RMSprop(alpha=self.alpha**c, momentum=self.momentum)
