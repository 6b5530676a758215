"""The root of the algorithm family: how the players move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from twoplayer.core import distributed
from twoplayer.games._base import Batch, Game, Loss

__all__ = ["Algorithm", "OptimizerFactory", "Stateful", "StepRecord"]

OptimizerFactory = Callable[[str, list[nn.Parameter]], Optimizer]
"""Makes the optimizer of the player of that name."""


@dataclass
class StepRecord:
    """What one round did: detached scalars by name, such as ``critic_loss`` and ``generator_gradient_norm``."""

    values: dict[str, Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Choices made in this round that a person should hear of."""

    def add(self, values: Mapping[str, Tensor]) -> None:
        self.values.update(values)


class Stateful(Protocol):
    """Something that an algorithm keeps from round to round, as modules and optimizers keep their state."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> object: ...


class Algorithm(ABC):
    """Moves the players of one game. Owns its optimizers and its sampler; the trainer only asks for rounds."""

    game: Game
    optimizers: dict[str, Optimizer]
    updates: dict[str, int]
    """Moves so far, by player: steps of its optimizer, or, where samples move in a generator's place, of those."""
    watching: bool = False
    """Whether to measure gradient norms in this round; the trainer sets it for the rounds it logs."""
    pool_size: int | None = None
    """How many samples it keeps and moves, if it does; a batch must not be larger."""
    done: bool = False
    """Whether there is nothing left to do, whatever the config's end."""
    reason: str | None = None
    """Why it is done, where it ended before what was asked of it: a sentence."""
    rounds: int | None = None
    """After how many rounds it will be done, if that is known."""
    averageable: bool = True
    """Whether averaging its sampler's weights over rounds makes sense."""

    def __init__(self, game: Game, make_optimizer: OptimizerFactory) -> None:
        self.game = game
        self.parameters = {name: list(player.parameters()) for name, player in game.players.items()}
        self.optimizers = {name: make_optimizer(name, ps) for name, ps in self.parameters.items()}
        self.rates = {name: [group["lr"] for group in o.param_groups] for name, o in self.optimizers.items()}
        self.share = 1.0
        self.updates = dict.fromkeys(self.parameters, 0)
        self.memories: dict[str, Stateful] = {}
        self.chosen: dict[str, float] = {}  # settings as it chose or changed them, for a person to see

    @abstractmethod
    def round(self, batches: Iterator[Batch]) -> StepRecord:
        """One round: each player has moved at least once when it returns."""

    def pace(self, share: float) -> None:
        """From now on, move every player at that share of the learning rate that its optimizer was made with."""
        self.share = share
        for player, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[player], strict=True):
                group["lr"] = share * rate

    @property
    @abstractmethod
    def sampler(self) -> nn.Module:
        """What is averaged, sampled from and shipped: latents ``(B, latent_dim)`` to samples ``(B, *shape)``."""

    def move(self, player: str, loss: Loss) -> dict[str, Tensor]:
        """One optimizer step of `player` down its loss; only its own parameters get gradients."""
        parameters = self.parameters[player]
        found = torch.autograd.grad(loss.total, parameters, allow_unused=True)
        moved = [(p, g) for p, g in zip(parameters, found, strict=True) if g is not None]
        gradients = distributed.average_gradients([g for _, g in moved])
        for (parameter, _), gradient in zip(moved, gradients, strict=True):
            parameter.grad = _laid_out_like(parameter, gradient)
        self.optimizers[player].step()
        self.optimizers[player].zero_grad(set_to_none=True)
        self.updates[player] += 1
        parts = dict(loss.parts)
        if self.watching:
            parts[f"{player}_gradient_norm"] = torch.nn.utils.get_total_norm(gradients)
        return parts

    def state(self) -> dict[str, Any]:
        """Everything to resume from besides the game's own state dict; every process must ask at once."""
        return {
            "updates": dict(self.updates),
            "done": self.done,
            "reason": self.reason,
            "chosen": dict(self.chosen),
            "memories": {name: memory.state_dict() for name, memory in self.memories.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state that `state` gave."""
        self.updates, self.done = dict(state["updates"]), state.get("done", False)
        self.reason, self.chosen = state.get("reason"), dict(state.get("chosen", {}))
        for name, memory in self.memories.items():
            memory.load_state_dict(state["memories"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            for parameter, kept in optimizer.state.items():
                kept.update({k: _laid_out_like(parameter, v) for k, v in kept.items() if isinstance(v, Tensor)})


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the parameter's memory format: fused optimizers walk both in the order of memory.

    What `torch.autograd.grad` returns and what a checkpoint holds may lie otherwise; ``backward`` would copy too.
    """
    if value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter).copy_(value)
