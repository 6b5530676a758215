"""Adam: steps by the first moment over the root of the second.

Source: Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", Algorithm 1.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

import torch

from twoplayer.core.ranges import Decay, within
from twoplayer.optimizers._base import OptimizerMaker, without_compiler_hooks

__all__ = ["Adam"]


@final
class Adam(OptimizerMaker):
    """Adaptive moments, the optimizer of nearly all GANs since DCGAN.

    Args:
        beta1: decay rate of the first moment, in [0, 1); 0.5 is DCGAN's choice, 0 the usual one with gradient
        penalties. beta2: decay rate of the second moment, in [0, 1).
    """

    group_options: ClassVar[frozenset[str]] = frozenset({"beta1", "beta2"})

    def __init__(self, *, beta1: Decay = 0.5, beta2: Decay = 0.999) -> None:
        self.beta1, self.beta2 = within(Decay, beta1=beta1), within(Decay, beta2=beta2)

    def make(self, groups: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        betas = (self.beta1, self.beta2)
        return without_compiler_hooks(torch.optim.Adam)(groups, betas=betas, fused=fused)

    def group_values(self, values: dict[str, float]) -> dict[str, Any]:
        return {"betas": (values.get("beta1", self.beta1), values.get("beta2", self.beta2))}

    def lazy(self, interval: int) -> Adam:
        c = interval / (interval + 1)  # Karras et al. 2020, appendix B
        return Adam(beta1=self.beta1**c, beta2=self.beta2**c)
