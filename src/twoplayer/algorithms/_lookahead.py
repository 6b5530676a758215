"""Steps of an optimizer that are not taken but kept in the graph, so that what comes of them can be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from twoplayer.core import distributed

__all__ = ["Lookahead", "Rule"]

Rule = Literal["adam", "sgd"]

TINY = 1e-16
"""Below it a second moment is held: the square root has no slope at 0, where weights without gradient are."""


class Lookahead:
    """A module's weights and buffers as they would be after some steps; the module and its optimizer stay."""

    def __init__(self, module: nn.Module, optimizer: Optimizer, rule: Rule) -> None:
        self.weights: dict[str, Tensor] = dict(module.named_parameters())
        self.buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        group = optimizer.param_groups[0]
        self.rate, self.rule = float(group["lr"]), rule
        self.beta1, self.beta2 = group.get("betas", (0.5, 0.999))
        self.eps = group.get("eps", 1e-8)
        own = isinstance(optimizer, Adam)
        states = {n: optimizer.state[p] if own and p in optimizer.state else {} for n, p in module.named_parameters()}
        self.count = max((int(s["step"]) for s in states.values() if s), default=0)
        moments = ("exp_avg", "exp_avg_sq")
        self.mean, self.square = (
            {n: states[n].get(moment, torch.zeros_like(p)).clone() for n, p in self.weights.items()}
            for moment in moments
        )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Weights, with their graph, and buffers, which passes may write to."""
        return {**self.weights, **self.buffers}

    def step(self, loss: Tensor) -> None:
        """One more step down `loss`."""
        all_gradients = torch.autograd.grad(loss, list(self.weights.values()), create_graph=True, allow_unused=True)
        gradients = {n: g for n, g in zip(self.weights, all_gradients, strict=True) if g is not None}
        self.count += 1
        for name, gradient in _over_processes(gradients).items():
            self.weights = {**self.weights, name: self.weights[name] - self.rate * self._direction(name, gradient)}

    def constrain(self, enforce: Callable[[dict[str, Tensor]], object]) -> None:
        """Hold the weights where `enforce` puts copies of them; one that it moves depends on nothing any more."""
        constrained = {name: weight.detach().clone() for name, weight in self.weights.items()}
        enforce({**constrained, **self.buffers})
        for name, weight in self.weights.items():
            if not torch.equal(constrained[name], weight):
                merged = torch.where(constrained[name] == weight, weight, constrained[name])
                self.weights = {**self.weights, name: merged}

    def _direction(self, name: str, gradient: Tensor) -> Tensor:
        if self.rule == "sgd":
            return gradient
        # Kingma & Ba 2015, Algorithm 1
        self.mean[name] = mean = torch.lerp(gradient, self.mean[name], self.beta1)
        self.square[name] = square = torch.lerp(gradient.square(), self.square[name], self.beta2)
        root = (square / (1 - self.beta2**self.count)).clamp_min(TINY).sqrt()
        direction: Tensor = mean / (1 - self.beta1**self.count) / (root + self.eps)
        return direction


def _over_processes(gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    """The gradients averaged over processes, differentiably."""
    if distributed.process_count() == 1:
        return gradients
    flat = distributed.mean(torch.cat([g.reshape(-1) for g in gradients.values()]))
    pieces = torch.split(flat, [g.numel() for g in gradients.values()])
    return {name: piece.view(gradients[name].shape) for name, piece in zip(gradients, pieces, strict=True)}
