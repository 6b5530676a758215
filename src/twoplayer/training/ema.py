"""The averaged generator: what is sampled, measured and shipped."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["EMA"]


class EMA:
    """Exponential moving average of a module's weights and floating-point buffers.

    After n steps the decay is min(`decay`, (1 + n) / (10 + n)), so that the random initial weights are soon
    forgotten. With decay 0 it is the module itself as it stands. Running statistics of batch normalization are
    averaged like weights. What a submodule declares with ``averaged = False`` is not averaged but shared, the very
    same tensors, so that neither memory nor checkpoints hold it twice.

    Source: Karras et al. 2018, "Progressive Growing of GANs", section 4; Yazıcı et al. 2019, "The Unusual
    Effectiveness of Averaging in GAN Training".
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.source = module
        shared = {id(t): t for part in module.modules() if not getattr(part, "averaged", True) for t in part.buffers()}
        self.module = copy.deepcopy(module, {**shared}).eval().requires_grad_(False)
        pairs = zip(_tensors(self.module), _tensors(module), strict=True)
        self._pairs = [(mean, now) for mean, now in pairs if mean is not now]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the module as it is after a step."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 9))
        floats = [(mean, now) for mean, now in self._pairs if mean.is_floating_point()]
        torch._foreach_lerp_([m for m, _ in floats], [n for _, n in floats], 1 - decay)
        for mean, now in self._pairs:
            if not mean.is_floating_point():
                mean.copy_(now)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
