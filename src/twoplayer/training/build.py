"""Names to objects: the only place where a config meets the families."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import nn
from torch.optim import SGD, Adam, RMSprop

from twoplayer import algorithms, games, networks, objectives, regularizers
from twoplayer.algorithms._base import Algorithm, OptimizerFactory
from twoplayer.config.schema import Config, Optimizer
from twoplayer.core.device import DeviceConfig
from twoplayer.core.errors import UserError
from twoplayer.core.rng import derive
from twoplayer.data._base import Dataset
from twoplayer.games._factory import ConditioningData, ConfigurableGame, DataSpec, GameFactory
from twoplayer.networks._base import Architecture, Critic, Encoder, Generator
from twoplayer.networks._modules import ModuleArchitecture
from twoplayer.networks._translation import Translator, TranslatorArchitecture

__all__ = ["BuiltGame", "build", "build_game", "study", "target"]

AnyOptimizer = TypeVar("AnyOptimizer", bound=torch.optim.Optimizer)
AnyModule = TypeVar("AnyModule", bound=nn.Module)


@dataclass(frozen=True)
class BuiltGame:
    """A game and the algorithm that moves it, on their device."""

    game: ConfigurableGame
    algorithm: Algorithm


def study(config: Config, dataset: Dataset, before: ConditioningData | None = None) -> ConditioningData:
    """What the config's game takes from the data; `before` is what a run that goes on noted and kept when it began.

    Raises `UserError` where they lack what it plays with.
    """
    knowledge: ConditioningData = _member(config).study(dataset, config.seed, before, **_options(config.game))
    return knowledge


def target(config: Config, dataset: Dataset) -> Dataset:
    """The data that samples of the config's game are to be like: what they are measured against."""
    return _member(config).target(dataset, **_options(config.game))


def build(config: Config, facts: DataSpec, placement: DeviceConfig) -> BuiltGame:
    """The game and algorithm that a config names, for data of these facts; weights drawn from the run's seed.

    Raises `UserError` where they do not fit each other, or the batch.
    """
    game = build_game(config, facts, placement)
    algorithm = _make(algorithms, config.algorithm, game, _optimizers(config.optimizer, placement))
    if algorithm.pool_size is not None and algorithm.pool_size < config.batch_size:
        raise UserError(
            f"a pool of {algorithm.pool_size} is smaller than a batch of {config.batch_size}: set pool_size to at "
            f"least {config.batch_size}, or batch_size to at most {algorithm.pool_size}"
        )
    if config.ema_decay and not algorithm.averageable:
        warnings.warn(
            f"{config.algorithm['name']} samples through critics that were made for its generator as it is, not for "
            "an average of it: set ema_decay to 0",
            stacklevel=2,
        )
    return BuiltGame(game, algorithm)


def build_game(config: Config, facts: DataSpec, placement: DeviceConfig) -> ConfigurableGame:
    """The game alone, which is all that sampling needs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(config.seed, "weights"))
        kit = _ConfigGameFactory(config, facts, placement)
        game = _member(config).assemble(kit, **_options(config.game))
    game.autocast = placement.accelerator.autocast
    return game.to(placement.device)


class _ConfigGameFactory(GameFactory):
    """The parts that a config names, each placed as soon as it is built."""

    def __init__(self, config: Config, facts: DataSpec, placement: DeviceConfig) -> None:
        self.config, self.placement = config, placement
        self.facts, self.latent_dim, self.prior = facts, config.latent_dim, config.prior
        self.objective = _make(objectives, config.objective).to(placement.device)
        self.regularizers = [_make(regularizers, {"name": n, **o}) for n, o in config.regularizers.items()]
        strange = [n for n, r in zip(config.regularizers, self.regularizers, strict=True) if r.needs_images]
        if strange and len(facts.shape) != 3:
            raise UserError(f"{strange[0]} changes images, and these samples are points: leave it out")

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return self._placed(_architecture(self.config.generator, "generator").generator(latent_dim, shape))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return self._placed(_architecture(self.config.critic, "critic").critic(shape))

    def encoder(
        self, outputs: int, shape: tuple[int, ...], of: Literal["generator", "critic"] = "generator"
    ) -> Encoder:
        part = self.config.generator if of == "generator" else self.config.critic
        return self._placed(_architecture(part, of).encoder(outputs, shape))

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        architecture, name = _architecture(self.config.generator, "generator"), self.config.generator["name"]
        if not isinstance(architecture, TranslatorArchitecture):
            raise UserError(
                f"{name} makes images of latents, and this game's generator turns images into images: take the "
                "generator unet or resnet-translator"
            )
        return self._placed(architecture.translator(inputs, outputs))

    def _placed(self, module: AnyModule) -> AnyModule:
        self.placement.module(module)  # in place
        return module


def _architecture(part: Mapping[str, Any], role: str) -> Architecture:
    """The architecture that a part names, or the one that a torch module passed in its place stands for."""
    made = _make(networks, part)
    return made if isinstance(made, Architecture) else ModuleArchitecture(made, role)


def _member(config: Config) -> type[ConfigurableGame]:
    return games.family.find(config.game["name"])


def _options(part: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in part.items() if k != "name"}


def _make(family: Any, part: Mapping[str, Any], *arguments: Any) -> Any:
    return family.create(part["name"], *arguments, **_options(part))


def _uncompiled(kind: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """The optimizer without its hooks for torch's compiler, whose import takes 1.3 s; nothing here is compiled."""
    hooked = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in hooked}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), plain)


def _optimizers(settings: Optimizer, placement: DeviceConfig) -> OptimizerFactory:
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
                    parameters, rate, alpha=settings.alpha, momentum=settings.momentum, foreach=True
                )
            case "sgd":
                return _uncompiled(SGD)(parameters, rate, momentum=settings.momentum, foreach=True)

    return make
