"""Functional steps as plain operations, their gradients written out, so that they can leave as one program."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.nn import functional as F

from twoplayer.algorithms._refined_generator import FunctionalSteps, RefinedGenerator, conditions_in

__all__ = ["TracedRefinedGenerator"]


@final
class TracedRefinedGenerator(nn.Module):
    """The first `functional_steps` steps of a `RefinedGenerator` without autograd, for samples of that shape.

    One step is traced with autograd running inside it, for any number of samples. All steps share that trace, each
    with its own row of weights. Stays on the device of `refined`.
    """

    weights: Tensor
    rates: Tensor

    def __init__(self, refined: RefinedGenerator, functional_steps: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        steps = refined.steps
        self.base, self.conditions_from = refined.base, refined.conditions_from
        self.register_buffer("weights", steps.weights[:functional_steps].clone())
        self.register_buffer("rates", steps.rates[:functional_steps].clone())
        width = 0 if refined.conditions_from is None else int(refined.latent_dim) - refined.conditions_from
        self.step = _trace(steps, shape, width)

    def forward(self, inputs: Tensor) -> Tensor:
        samples: Tensor = self.base(inputs)
        conditions = conditions_in(inputs, self.conditions_from)
        for weights, rate in zip(self.weights.unbind(), self.rates.unbind(), strict=True):
            samples = self.step(samples, rate, weights, *conditions)
        return samples


def _trace(steps: FunctionalSteps, shape: tuple[int, ...], width: int) -> GraphModule:
    """A step as a graph of samples, η, a snapshot's row, and, where `width` is not 0, its critic's conditions."""
    from torch.fx.experimental.proxy_tensor import make_fx

    def step(samples: Tensor, rate: Tensor, weights: Tensor, *conditions: Tensor) -> Tensor:
        # Views of known sizes: a trace that leaves more open than the number of samples takes ten times as long.
        samples = samples.view(samples.shape[0], *shape)
        sized = [c.view(c.shape[0], width) for c in conditions]
        return steps.step(samples, rate, steps.pieces(weights), *sized)

    weights = torch.zeros_like(steps.weights[0])
    rows = next(n for n in count(2) if n not in (*shape, width, len(weights)))  # equal sizes are taken for one
    conditions = [weights.new_zeros(rows, width)] if width else []
    samples, rate = weights.new_zeros(rows, *shape), weights.new_ones(())
    table: dict[Any, Callable[..., Any]] = {
        torch.ops.aten.convolution_backward.default: _slope_of_convolution,
        torch.ops.aten.avg_pool2d_backward.default: _slope_of_means,
    }
    return make_fx(step, table, tracing_mode="symbolic")(samples, rate, weights, *conditions)


def _slope_of_convolution(
    slope: Tensor,
    x: Tensor,
    weight: Tensor,
    bias_sizes: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    wanted: list[bool],
) -> Any:
    """The input gradient as the transposed convolution that it is: runtimes know no backward operations."""
    if transposed or wanted[1] or wanted[2]:
        return NotImplemented
    sides = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    spare = [(side + 2 * p - d * (k - 1) - 1) % s for side, k, s, p, d in sides]
    gradient = torch.ops.aten.convolution.default(slope, weight, None, stride, padding, dilation, True, spare, groups)
    return gradient, None, None


def _slope_of_means(
    slope: Tensor,
    x: Tensor,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """The input gradient of means over squares that touch: each slope spread evenly over its square."""
    if kernel != (stride or kernel) or any(padding) or ceil_mode or divisor is not None:
        return NotImplemented
    (rows, columns), (high, wide) = slope.shape[2:], kernel
    spread = slope[:, :, :, None, :, None].expand(-1, -1, -1, high, -1, wide) / (high * wide)
    left = x.shape[3] - columns * wide, x.shape[2] - rows * high
    return F.pad(spread.reshape(*x.shape[:2], rows * high, columns * wide), (0, left[0], 0, left[1]))
