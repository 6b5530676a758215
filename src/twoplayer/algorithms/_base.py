"""The root of the algorithm family: how the players move."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from twoplayer.core import distributed
from twoplayer.core.errors import UserError
from twoplayer.core.registry import member_name
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._problem import BatchStream, Loss, TrainingProblem

__all__ = ["AdversarialAlgorithm", "Algorithm", "OptimizerFactory", "Stateful", "StepRecord"]

OptimizerFactory = Callable[[str, nn.Module], Optimizer]
"""Makes the optimizer of the player of that name."""


@dataclass
class StepRecord:
    """What one step logged: detached scalars by name, such as ``critic_loss`` and ``generator_gradient_norm``."""

    values: dict[str, Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Settings that were chosen or changed in this step, a sentence each."""

    def add(self, values: Mapping[str, Tensor]) -> None:
        self.values.update(values)


class Stateful(Protocol):
    """Something with a state that checkpoints hold, as modules and optimizers have one."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> object: ...


class Algorithm(ABC):
    """Moves the players of one problem. Owns its optimizers and its sampler; the trainer only asks for steps.

    Args:
        problem: the players and their losses.
        make_optimizer: makes a player's optimizer.
    """

    schedulable: ClassVar[frozenset[str]] = frozenset()
    """Options that a schedule may change while training goes on: attributes that every step reads anew."""
    ema_applies: ClassVar[bool] = True
    """Whether an average of its sampler's weights over steps makes sense."""
    problem: TrainingProblem
    optimizers: dict[str, Optimizer]
    updates: dict[str, int]
    """Moves so far, by player: steps of its optimizer, or, where samples move in a generator's place, of those."""
    log_gradient_norms: bool = False
    """Whether to measure gradient norms in this step; the trainer sets it for the steps that it logs."""
    pool_size: int | None = None
    """How many samples it moves, if it moves samples; a batch must not be larger."""
    done: bool = False
    """Whether it has nothing left to do, whatever the config's end."""
    end_reason: str | None = None
    """Why it is done, where it ended early: a sentence."""
    max_steps: int | None = None
    """After how many steps it will be done, if that is known."""

    def __init__(self, problem: TrainingProblem, make_optimizer: OptimizerFactory) -> None:
        self.problem = problem
        self.parameters = {name: list(player.parameters()) for name, player in problem.players.items()}
        self.optimizers = {name: make_optimizer(name, player) for name, player in problem.players.items()}
        self.learning_rates = {name: [g["lr"] for g in o.param_groups] for name, o in self.optimizers.items()}
        self.lr_scale = dict.fromkeys(self.optimizers, 1.0)
        self.updates = dict.fromkeys(self.parameters, 0)
        self.extra_state: dict[str, Stateful] = {}
        self.chosen_settings: dict[str, float] = {}  # as it chose or changed them, for reports

    @abstractmethod
    def step(self, batches: BatchStream) -> StepRecord:
        """One step: each player has moved at least once when it returns."""

    @property
    def sampler(self) -> nn.Module:
        """What is averaged, sampled from and shipped: inputs ``(B, inputs)`` to samples ``(B, *shape)``."""
        return self.problem.sampler

    def set_lr_scale(self, scale: float | Mapping[str, float]) -> None:
        """Multiply every player's learning rate, as its optimizer was made with it, from now on.

        Args:
            scale: one factor for all players, or one by player.
        """
        self.lr_scale = dict(scale) if isinstance(scale, Mapping) else dict.fromkeys(self.optimizers, scale)
        for player, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.learning_rates[player], strict=True):
                group["lr"] = self.lr_scale[player] * rate

    def optimizer_step(self, player: str | Sequence[str], loss: Loss) -> dict[str, Tensor]:
        """One optimizer step of a player, or of several together, down a loss; only their parameters get gradients.

        Returns:
            The loss's logged parts, and where they are asked for the norms of the gradients.
        """
        players = [player] if isinstance(player, str) else list(player)
        parameters = [p for name in players for p in self.parameters[name]]
        gradients = torch.autograd.grad(loss.total, parameters, allow_unused=True)
        used = [(p, g) for p, g in zip(parameters, gradients, strict=True) if g is not None]
        averaged = distributed.average_gradients([g for _, g in used])
        for (parameter, _), gradient in zip(used, averaged, strict=True):
            parameter.grad = _laid_out_like(parameter, gradient)
        values = dict(loss.parts)
        for name in players:
            if self.log_gradient_norms:
                own = [p.grad for p in self.parameters[name] if p.grad is not None]
                values[f"{name}_gradient_norm"] = torch.nn.utils.get_total_norm(own)
            self.optimizers[name].step()
            self.optimizers[name].zero_grad(set_to_none=True)
            self.updates[name] += 1
        return values

    def state(self) -> dict[str, Any]:
        """Everything to resume from besides the problem's own state dict; every process must ask at once."""
        return {
            "updates": dict(self.updates),
            "done": self.done,
            "end_reason": self.end_reason,
            "chosen_settings": dict(self.chosen_settings),
            "extra_state": {name: part.state_dict() for name, part in self.extra_state.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Load a state that `state` returned."""
        self.updates, self.done = dict(state["updates"]), state.get("done", False)
        self.end_reason, self.chosen_settings = state.get("end_reason"), dict(state.get("chosen_settings", {}))
        for name, part in self.extra_state.items():
            part.load_state_dict(state["extra_state"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            for parameter, values in optimizer.state.items():
                values.update({k: _laid_out_like(parameter, v) for k, v in values.items() if isinstance(v, Tensor)})


class AdversarialAlgorithm(Algorithm):
    """An algorithm for games of a generator against a critic.

    Raises `UserError` for problems of one player.
    """

    game: AdversarialGame

    def __init__(self, problem: TrainingProblem, make_optimizer: OptimizerFactory) -> None:
        if not isinstance(problem, AdversarialGame):
            raise UserError(
                f"{member_name(self)} moves a generator against a critic, and {member_name(problem)} has no critic: "
                "set algorithm to descent"
            )
        self.game = problem
        super().__init__(problem, make_optimizer)


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the parameter's memory format: fused optimizers walk both in the order of memory.

    What `torch.autograd.grad` returns and what a checkpoint holds may lie otherwise; ``backward`` would copy too.
    """
    if value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter).copy_(value)
