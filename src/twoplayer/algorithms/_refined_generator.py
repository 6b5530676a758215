"""A generator followed by functional gradient steps: what CFG, ICFG and xICFG return."""

from __future__ import annotations

import copy
from typing import Any, Literal, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from twoplayer.algorithms._frozen_conv import freeze_convolutions
from twoplayer.algorithms._frozen_norm import FrozenNorm, freeze_norms
from twoplayer.algorithms._step_size import stay_where_not_finite

__all__ = ["FunctionalSteps", "RefinedGenerator", "Scaling", "conditions_in"]

Scaling = Literal["one", "gan0", "gan1"]
"""s(x): 1, (1 + exp(−D))⁻¹ or (1 + exp(D))⁻¹; Johnson & Zhang 2018, section 3.4."""


@final
class FunctionalSteps(nn.Module):
    """Up to `functional_steps` steps x + η_t s(x) ∇D_t(x), each with its snapshot of the critic and its η.

    A critic that takes `conditions` beside the samples, ``(B, width)``, gets them in every step.

    A sample never depends on those drawn beside it, yet a step is what it was for the samples that it was made for:
    batch normalization is frozen with their statistics, on the way back too. With mere running statistics, in eval
    mode, samples climb what the critic cannot see in training, such as shifts that it normalizes away: on
    Fashion-MNIST its outputs for real and generated images were 8 apart after 9,000 images, instead of 0.8. Snapshots
    are buffers in one flat matrix; memory grows with their number alone. `averaged` tells the averaging of weights
    to share them as they are.
    """

    averaged = False
    weights: Tensor
    rates: Tensor
    taken: Tensor

    def __init__(self, critic: nn.Module, functional_steps: int, scaling: Scaling) -> None:
        super().__init__()
        self.functional_steps, self.scaling = functional_steps, scaling
        # In tuples, since its weights are not ours: a skeleton that runs on a snapshot's.
        skeleton = copy.deepcopy(critic).eval().requires_grad_(False).to("meta")
        skeleton = freeze_norms(freeze_convolutions(skeleton))
        self.norms = ([part for part in skeleton.modules() if isinstance(part, FrozenNorm)],)
        self.skeleton = (skeleton,)
        self.layout = {name: tensor.shape for name, tensor in _tensors(skeleton).items()}
        self.channels_last = any(_is_channels_last(t) for t in critic.parameters())
        like = next(critic.parameters()).detach()
        size = sum(shape.numel() for shape in self.layout.values())
        self.register_buffer("weights", like.new_zeros(functional_steps, size))
        self.register_buffer("rates", like.new_zeros(functional_steps, dtype=torch.float32))
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64, device=like.device))

    def clear(self) -> None:
        """Forget all steps."""
        self.taken.zero_()

    @torch.no_grad()
    def add(self, critic: nn.Module, rate: float = 0.0) -> int:
        """Take a snapshot as the next step and return its level, counted from 0."""
        level, tensors = int(self.taken), _tensors(critic)
        for name, piece in self._pieces(level).items():
            piece.copy_(tensors[name]) if name in tensors else piece.zero_()
        self.rates[level] = rate
        self.taken += 1
        return level

    def record(self, samples: Tensor, level: int, *conditions: Tensor) -> Tensor:
        """s(x) ∇D(x) of samples ``(B, *shape)`` with the critic in train mode, whose statistics freeze with it."""
        if not self.norms[0]:
            return self.slope(samples, level, *conditions)
        pieces = self._pieces(level)
        copies = {name: piece.clone() for name, piece in pieces.items()}  # written to between forward and backward
        for norm in self.norms[0]:
            norm.recording = True
        slope = self._slope(samples, copies, *conditions)
        for norm in self.norms[0]:
            norm.recording = False
        for name, piece in pieces.items():
            piece.copy_(copies[name])
        return slope

    def slope(self, samples: Tensor, level: int, *conditions: Tensor) -> Tensor:
        """s(x) ∇D(x) with that level's critic, ``(B, *shape)``, without a graph."""
        return self._slope(samples, self._pieces(level), *conditions)

    def _slope(self, samples: Tensor, tensors: dict[str, Tensor], *conditions: Tensor) -> Tensor:
        with torch.enable_grad():
            x = self._laid_out(samples.detach()).requires_grad_()
            score = functional_call(self.skeleton[0], tensors, (x, *conditions))
            (gradient,) = torch.autograd.grad(score.sum(), x)  # of the input alone: snapshots ask for none
        return scale(score.detach(), self.scaling).view(-1, *[1] * (x.dim() - 1)) * gradient

    def _laid_out(self, samples: Tensor) -> Tensor:
        """Images of one channel tell no layout, and their first convolution would answer in the other one."""
        if not self.channels_last or samples.dim() != 4 or samples.shape[1] != 1:
            return samples
        return samples.reshape(samples.shape[0], *samples.shape[2:], 1).permute(0, 3, 1, 2)

    def _pieces(self, level: int) -> dict[str, Tensor]:
        """That snapshot's tensors by name, as views."""
        return self.pieces(self.weights[level])

    def pieces(self, weights: Tensor) -> dict[str, Tensor]:
        """A snapshot's tensors by name, as views of its row of `weights`."""
        flat = torch.split(weights, [shape.numel() for shape in self.layout.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self.layout.items(), flat, strict=True)}

    def forward(self, samples: Tensor, level: int, *conditions: Tensor) -> Tensor:
        """One functional step, x + η s(x) ∇D(x); samples stay where the slope is not finite, as in training."""
        return self.step(samples, self.rates[level], self._pieces(level), *conditions)

    def step(self, samples: Tensor, rate: Tensor, tensors: dict[str, Tensor], *conditions: Tensor) -> Tensor:
        """The step with that η, a scalar, and the critic whose tensors are `tensors`."""
        slope = self._slope(samples, tensors, *conditions)
        stay_where_not_finite(slope)
        return samples + rate * slope


@final
class RefinedGenerator(nn.Module):
    """Inputs ``(B, latent_dim)`` through `base`, then through the first `refine` steps taken (None: all of them).

    The critics' conditions are in the inputs, from column `conditions_from` on; a sample keeps its own while it is
    moved.

    Source: Johnson & Zhang 2018, "Composite Functional Gradient Learning of Generative Adversarial Models",
    Algorithms 1 to 3: the G_T that they return.
    """

    def __init__(self, base: nn.Module, steps: FunctionalSteps, conditions_from: int | None = None) -> None:
        super().__init__()
        self.base, self.steps, self.conditions_from = base, steps, conditions_from
        self.latent_dim: Any = base.latent_dim
        self.refine: int | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        samples: Tensor = self.base(inputs)
        conditions = conditions_in(inputs, self.conditions_from)
        for level in range(int(self.steps.taken) if self.refine is None else self.refine):
            samples = self.steps(samples, level, *conditions)
        return samples


def conditions_in(inputs: Tensor, conditions_from: int | None) -> tuple[Tensor, ...]:
    """The conditions of the samples that come of `inputs`: further arguments of the critic, none without conditions."""
    return () if conditions_from is None else (inputs[:, conditions_from:],)


def scale(score: Tensor, scaling: Scaling) -> Tensor:
    """s(x) of critic outputs D(x), elementwise."""
    match scaling:
        case "gan0":
            return torch.sigmoid(score)
        case "gan1":
            return torch.sigmoid(-score)
        case _:
            return torch.ones_like(score)


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Every floating-point parameter and buffer by name."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: t.detach() for name, t in tensors.items() if t.is_floating_point()}


def _is_channels_last(weight: Tensor) -> bool:
    return weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
