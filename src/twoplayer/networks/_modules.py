"""Torch modules of a user's own as generators and critics: their interface, and the check of what they return."""

from __future__ import annotations

import copy
import warnings
from typing import Any, final

import torch
from torch import Tensor, nn

from twoplayer.core.errors import UserError
from twoplayer.networks._base import Architecture, Critic, Generator
from twoplayer.networks._precision import widen

__all__ = ["ModuleArchitecture", "ModuleCritic", "ModuleGenerator"]

CHECKED_ROWS = 2


@final
class ModuleGenerator(Generator):
    """A torch module that maps latents ``(B, latent_dim)`` to samples ``(B, *shape)``, as a generator.

    Args:
        module: the module; it is used as it is, with its weights.
        latent_dim: the dimension of the latents.
        shape: the shape of a sample.
    """

    def __init__(self, module: nn.Module, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module = module
        self.latent_dim, self.shape = latent_dim, shape
        self.uses_noise = bool(getattr(module, "uses_noise", False))

    def forward(self, latents: Tensor, *, noise: torch.Generator | None = None) -> Tensor:
        return widen(self.module(latents, noise=noise) if self.uses_noise else self.module(latents))


@final
class ModuleCritic(Critic):
    """A torch module that maps samples ``(B, *shape)`` to outputs ``(B,)`` or ``(B, 1)``, as a critic.

    Args:
        module: the module; where it declares `output` ("score" or "energy"), that is its kind of output, and where it
            has a method `features`, that gives the features of samples.
        shape: the shape of a sample.
    """

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module, self.shape = module, shape
        self.output = getattr(module, "output", "score")

    def features(self, samples: Tensor) -> Tensor:
        features = getattr(self.module, "features", None)
        if not callable(features) or isinstance(features, nn.Module):
            raise UserError(
                f"the critic {type(self.module).__name__} has no method features(samples) that returns (B, F): add one"
            )
        return widen(features(samples)).flatten(1)

    def forward(self, samples: Tensor) -> Tensor:
        outputs: Tensor = widen(self.module(samples))
        return outputs.reshape(len(samples))


@final
class ModuleArchitecture(Architecture):
    """The recipe that a torch module stands for: a copy of it, at the one shape that it serves.

    Args:
        module: the generator's or the critic's module. It is copied, weights included, and never changed.
        role: ``generator`` or ``critic``, for messages.
    """

    def __init__(self, module: nn.Module, role: str) -> None:
        self.module, self.role = module, role
        self.name = type(module).__name__

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        module = copy.deepcopy(self.module)
        declared = getattr(module, "latent_dim", latent_dim)
        if declared != latent_dim:
            raise UserError(
                f"the generator {self.name} declares latent_dim {declared}, but this game gives it latents of "
                f"{latent_dim} numbers: set latent_dim, or make the generator for {latent_dim}"
            )
        samples = self._try(module, torch.zeros(CHECKED_ROWS, latent_dim).normal_(generator=_random()))
        expected = (CHECKED_ROWS, *shape)
        if tuple(samples.shape) != expected:
            raise UserError(
                f"the generator {self.name} must map latents ({CHECKED_ROWS}, {latent_dim}) to samples {expected}, but "
                f"returns {tuple(samples.shape)}"
            )
        if len(shape) == 3 and samples.abs().max() > 1:
            warnings.warn(
                f"the generator {self.name} returns values outside [-1, 1], where images lie: end it with tanh",
                stacklevel=2,
            )
        return module if isinstance(module, Generator) else ModuleGenerator(module, latent_dim, shape)

    def critic(self, shape: tuple[int, ...]) -> Critic:
        module = copy.deepcopy(self.module)
        samples = torch.zeros(CHECKED_ROWS, *shape).normal_(generator=_random()).clamp(-1, 1)
        outputs = self._try(module, samples)
        if isinstance(module, Critic):
            return module
        if tuple(outputs.shape) not in ((CHECKED_ROWS,), (CHECKED_ROWS, 1)):
            raise UserError(
                f"the critic {self.name} must map samples {tuple(samples.shape)} to outputs ({CHECKED_ROWS},) or "
                f"({CHECKED_ROWS}, 1), but returns {tuple(outputs.shape)}"
            )
        return ModuleCritic(module, shape)

    def _try(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """What a copy in eval mode returns for a few rows, so that no statistics move."""
        first = next(module.parameters(), inputs)
        tried = copy.deepcopy(module).eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                outputs: Any = tried(inputs.to(first))
        except Exception as error:  # whatever a user's module raises
            reason = " ".join(str(error).split())
            raise UserError(
                f"the {self.role} {self.name} fails on inputs {tuple(inputs.shape)} ({type(error).__name__}: {reason})"
            ) from error
        if not isinstance(outputs, Tensor):
            raise UserError(f"the {self.role} {self.name} must return a tensor, not {type(outputs).__name__}")
        if not outputs.isfinite().all():
            raise UserError(f"the {self.role} {self.name} returns values that are not finite")
        return outputs


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)
