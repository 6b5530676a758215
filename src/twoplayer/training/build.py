"""Names to objects: the only place where a config meets the families."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from twoplayer import algorithms, games, networks, objectives, optimizers, priors, regularizers
from twoplayer.algorithms._base import Algorithm, OptimizerFactory
from twoplayer.config.schema import Config
from twoplayer.core.device import DeviceConfig
from twoplayer.core.errors import UserError
from twoplayer.core.rng import derive
from twoplayer.data._base import Dataset
from twoplayer.games._adversarial import AdversarialGame
from twoplayer.games._factory import ConditioningData, DataSpec, GameFactory
from twoplayer.games._problem import ProblemOptions, TrainingProblem
from twoplayer.networks._base import Architecture, Critic, Encoder, Generator
from twoplayer.networks._modules import ModuleArchitecture
from twoplayer.networks._translation import Translator, TranslatorArchitecture
from twoplayer.optimizers._base import OptimizerMaker, parameter_groups
from twoplayer.schedules._base import is_schedule, peak

__all__ = ["BuiltGame", "build", "build_problem", "study", "target"]

AnyModule = TypeVar("AnyModule", bound=nn.Module)


@dataclass(frozen=True)
class BuiltGame:
    """A problem and the algorithm that moves its players, on their device."""

    problem: TrainingProblem
    algorithm: Algorithm


def study(config: Config, dataset: Dataset, previous: ConditioningData | None = None) -> ConditioningData:
    """What the config's problem learns from the data; `previous` is what a resumed run learned when it began.

    Raises `UserError` where the data lack what the problem needs.
    """
    member = _problem_class(config)
    return member.study(dataset, config.seed, _problem_options(config), previous)


def target(config: Config, dataset: Dataset) -> Dataset:
    """The data whose distribution samples of the config's problem should have: what they are measured against."""
    return _problem_class(config).target(dataset, _problem_options(config))


def build(config: Config, data_spec: DataSpec, device_config: DeviceConfig) -> BuiltGame:
    """The problem and algorithm that a config names; weights are drawn from the run's seed.

    Raises `UserError` where they do not fit each other, or the batch size.
    """
    problem = build_problem(config, data_spec, device_config)
    algorithm: Algorithm = _make(algorithms, config.algorithm, problem, _optimizers(config, problem, device_config))
    if algorithm.pool_size is not None and algorithm.pool_size < config.batch_size:
        raise UserError(
            f"a pool of {algorithm.pool_size} is smaller than a batch of {config.batch_size}: set pool_size to at "
            f"least {config.batch_size}, or batch_size to at most {algorithm.pool_size}"
        )
    if config.ema_decay and not algorithm.ema_applies:
        warnings.warn(
            f"{config.algorithm['name']} samples through critics that were made for its generator as it is, not for "
            "an average of it: set ema_decay to 0",
            stacklevel=2,
        )
    return BuiltGame(problem, algorithm)


def build_problem(config: Config, data_spec: DataSpec, device_config: DeviceConfig) -> TrainingProblem:
    """The problem alone, which is all that sampling needs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(config.seed, "weights"))
        factory = _ConfigGameFactory(config, data_spec, device_config)
        problem: TrainingProblem = _problem_class(config)(factory, _problem_options(config))
    problem.member_name = config.game["name"]  # type: ignore[assignment]
    problem.autocast = device_config.accelerator.autocast
    return problem.to(device_config.device)


class _ConfigGameFactory(GameFactory):
    """The parts that a config names, each moved to its device as soon as it is built."""

    def __init__(self, config: Config, data_spec: DataSpec, device_config: DeviceConfig) -> None:
        self.config, self.device_config = config, device_config
        self.data_spec, self.latent_dim = data_spec, config.latent_dim
        self.prior = _make(priors, config.prior)
        self.objective = _make(objectives, config.objective).to(device_config.device)
        self.regularizers = [_make(regularizers, {"name": n, **o}) for n, o in config.regularizers.items()]
        for name, regularizer in zip(config.regularizers, self.regularizers, strict=True):
            if regularizer.needs_images and len(data_spec.shape) != 3:
                raise UserError(f"{name} changes images, and these samples are points: leave it out")

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return self._on_device(_architecture(self.config.generator, "generator").generator(latent_dim, shape))

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return self._on_device(_architecture(self.config.critic, "critic").critic(shape))

    def encoder(
        self, outputs: int, shape: tuple[int, ...], of: Literal["generator", "critic"] = "generator"
    ) -> Encoder:
        part = self.config.generator if of == "generator" else self.config.critic
        return self._on_device(_architecture(part, of).encoder(outputs, shape))

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        architecture, name = _architecture(self.config.generator, "generator"), self.config.generator["name"]
        if not isinstance(architecture, TranslatorArchitecture):
            raise UserError(
                f"{name} makes images of latents, and this game's generator turns images into images: take the "
                "generator unet or resnet-translator"
            )
        return self._on_device(architecture.translator(inputs, outputs))

    def _on_device(self, module: AnyModule) -> AnyModule:
        self.device_config.module(module)  # in place
        return module


def _architecture(part: Mapping[str, Any], role: str) -> Architecture:
    """The architecture that a part names, or the one that a torch module passed in its place stands for."""
    made = _make(networks, part)
    return made if isinstance(made, Architecture) else ModuleArchitecture(made, role)


def _problem_class(config: Config) -> type[TrainingProblem]:
    return games.family.find(config.game["name"])


def _problem_options(config: Config) -> ProblemOptions:
    return _problem_class(config).Options(**_options(config.game))


def _options(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part's options; of one that is a schedule, the value that it begins with."""
    return {k: v["from"] if is_schedule(v) else v for k, v in part.items() if k != "name"}


def _make(family: Any, part: Mapping[str, Any], *arguments: Any) -> Any:
    return family.create(part["name"], *arguments, **_options(part))


def optimizer_maker(config: Config) -> OptimizerMaker:
    """The optimizer that a config names, as the family's member."""
    maker: OptimizerMaker = optimizers.create(config.optimizer.name, **_options(config.optimizer.options))
    return maker


def _optimizers(config: Config, problem: TrainingProblem, device_config: DeviceConfig) -> OptimizerFactory:
    settings, maker = config.optimizer, optimizer_maker(config)
    fused = device_config.device.type in ("cpu", "cuda")

    def make(player: str, module: nn.Module) -> torch.optim.Optimizer:
        rate = peak(settings.learning_rate)  # a schedule is applied as a factor of its larger end
        if player == "critic" and settings.critic_learning_rate is not None:
            rate = peak(settings.critic_learning_rate)
        interval = problem.optimizer_interval(player) if isinstance(problem, AdversarialGame) else 0
        if not interval:
            return maker.make(parameter_groups(module, rate), fused=fused)
        c = interval / (interval + 1)  # Karras et al. 2020, StyleGAN2, appendix B
        return maker.lazy(interval).make(parameter_groups(module, c * rate), fused=fused)

    return make
