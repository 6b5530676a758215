"""Names to objects: the only place where a config meets the families."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn
from torch.optim import SGD, Adam, RMSprop

from twoplayer import algorithms, games, networks, objectives, regularizers
from twoplayer.algorithms._base import Algorithm, OptimizerFactory
from twoplayer.config import Config, Optimizer
from twoplayer.errors import UserError
from twoplayer.games._base import Game
from twoplayer.rng import derive
from twoplayer.training.placement import Placement

__all__ = ["Players", "build", "build_game"]

AnyOptimizer = TypeVar("AnyOptimizer", bound=torch.optim.Optimizer)


@dataclass(frozen=True)
class Players:
    """A game and the algorithm that moves it, on their device."""

    game: Game
    algorithm: Algorithm


def build(config: Config, shape: tuple[int, ...], placement: Placement) -> Players:
    """The game and algorithm that a config names, for samples of `shape`; weights drawn from the run's seed.

    Raises `UserError` where they do not fit each other, or the batch.
    """
    game = build_game(config, shape, placement)
    algorithm = _make(algorithms, config.algorithm, game, _optimizers(config.optimizer, placement))
    if algorithm.pool is not None and algorithm.pool < config.batch:
        raise UserError(
            f"a pool of {algorithm.pool} is smaller than a batch of {config.batch}: set pool to at least "
            f"{config.batch}, or batch to at most {algorithm.pool}"
        )
    if config.ema and not algorithm.averageable:
        warnings.warn(
            f"{config.algorithm['name']} samples through critics that were made for its generator as it is, not for "
            "an average of it: set ema to 0",
            stacklevel=2,
        )
    return Players(game, algorithm)


def build_game(config: Config, shape: tuple[int, ...], placement: Placement) -> Game:
    """The game alone, which is all that sampling needs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(config.seed, "weights"))
        generator = _make(networks, config.generator).generator(config.latent_dim, shape)
        critic = _make(networks, config.critic).critic(shape)
        objective = _make(objectives, config.objective)
        rules = [_make(regularizers, {"name": n, **o}) for n, o in config.regularizers.items()]
        players = [placement.module(p) for p in (generator, critic)]
        game = _make(games, {**config.game, "prior": config.prior}, *players, objective.to(placement.device), rules)
    game.autocast = placement.accelerator.autocast
    return game.to(placement.device)  # type: ignore[no-any-return]


def _make(family: Any, part: Mapping[str, Any], *arguments: Any) -> Any:
    options = {k: v for k, v in part.items() if k != "name"}
    return family.create(part["name"], *arguments, **options)


def _uncompiled(kind: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """The optimizer without its hooks for torch's compiler, whose import takes 1.3 s; nothing here is compiled."""
    hooked = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in hooked}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), plain)


def _optimizers(settings: Optimizer, placement: Placement) -> OptimizerFactory:
    def make(player: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        rate = settings.learning_rate
        if player == "critic" and settings.critic_learning_rate is not None:
            rate = settings.critic_learning_rate
        match settings.name:
            case "adam":
                fused = placement.device.type in ("cpu", "cuda")
                return _uncompiled(Adam)(parameters, rate, betas=(settings.beta1, settings.beta2), fused=fused)
            case "rmsprop":
                return _uncompiled(RMSprop)(
                    parameters, rate, alpha=settings.smoothing, momentum=settings.momentum, foreach=True
                )
            case "sgd":
                return _uncompiled(SGD)(parameters, rate, momentum=settings.momentum, foreach=True)

    return make
