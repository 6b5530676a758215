"""The root of the networks that take images as they are, without rounding them on the way."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import final

import torch
from torch import Tensor, nn

from twoplayer.extractors._exact import Exact
from twoplayer.extractors._network import NetworkExtractor

__all__ = ["ExactNetwork"]


class ExactNetwork(NetworkExtractor, Exact):
    """An extractor that is one network, and may be a copy of it in float64."""

    network: nn.Module

    @final
    def exact(self, device: torch.device) -> Callable[[Tensor], Tensor]:
        twin = deepcopy(self)
        twin.network.to(device).double()
        return lambda images: twin.look(images)[0]
