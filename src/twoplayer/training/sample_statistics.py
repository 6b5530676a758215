"""Statistics of the samples that a step makes anyway: where their distribution is and how wide, in a few numbers."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

__all__ = ["SampleStatistics", "embed", "place_and_width"]

SIDE = 4
"""Pixels of the thumbnails in which images are embedded."""
COORDINATES = 16
"""Of points with more, the first ones are taken."""


def embed(samples: Tensor) -> Tensor:
    """Samples ``(B, *shape)`` as networks see them in a few coordinates ``(B, K)``: grey thumbnails, or the points."""
    samples = samples.detach().float()
    if samples.dim() == 4:
        return adaptive_avg_pool2d(samples.mean(1, keepdim=True), SIDE).flatten(1)
    return samples.flatten(1)[:, :COORDINATES]


def place_and_width(embedded: Tensor) -> tuple[Tensor, Tensor]:
    """The mean ``(K,)`` of embedded samples ``(B, K)``, and their root mean square distance from it."""
    mean = embedded.mean(0)
    return mean, (embedded - mean).square().sum(1).mean().sqrt()


class SampleStatistics:
    """While it is entered, stores what a network returned last.

    It draws nothing, computes nothing that a weight depends on, and costs nothing in steps in which it is not entered.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._last_output: Tensor | None = None

    def __enter__(self) -> SampleStatistics:
        self._last_output = None
        self._hook = self.network.register_forward_hook(self._store)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hook.remove()

    def _store(self, network: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            self._last_output = output.detach()

    @torch.no_grad()
    def line(self) -> dict[str, Any]:
        """`count`, `mean` and `deviation` of the samples stored last, embedded; nothing where none were."""
        if self._last_output is None or len(self._last_output) < 2:
            return {}
        mean, deviation = place_and_width(embed(self._last_output))
        *place, width = torch.cat([mean, deviation[None]]).tolist()
        return {"count": len(self._last_output), "mean": [_short(x) for x in place], "deviation": _short(width)}


def _short(value: float) -> float:
    return float(f"{value:.5g}")
