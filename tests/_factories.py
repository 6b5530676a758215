"""A factory of parts without a config, for tests of games."""

from __future__ import annotations

from typing import Any, Literal

import torch

from twoplayer import networks, objectives, priors, regularizers
from twoplayer.games._factory import DataSpec, GameFactory
from twoplayer.networks._base import Critic, Encoder, Generator
from twoplayer.networks._translation import Translator


class SmallFactory(GameFactory):
    """Parts of one architecture with few filters; weights from seed 0, in the order in which parts are asked for."""

    def __init__(
        self,
        data_spec: DataSpec,
        *,
        network: str = "mlp",
        latent_dim: int = 3,
        prior: Literal["normal", "uniform"] = "normal",
        objective: str = "non-saturating",
        rules: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        torch.manual_seed(0)
        self.architecture = networks.create(network, **{"filters": 8, **options})
        self.data_spec, self.latent_dim, self.prior = data_spec, latent_dim, priors.create(prior)
        self.objective = objectives.create(objective)
        self.regularizers = [regularizers.create(rule) for rule in rules]

    def generator(self, latent_dim: int, shape: tuple[int, ...]) -> Generator:
        return self.architecture.generator(latent_dim, shape)  # type: ignore[no-any-return]

    def critic(self, shape: tuple[int, ...]) -> Critic:
        return self.architecture.critic(shape)  # type: ignore[no-any-return]

    def encoder(
        self, outputs: int, shape: tuple[int, ...], of: Literal["generator", "critic"] = "generator"
    ) -> Encoder:
        return self.architecture.encoder(outputs, shape)  # type: ignore[no-any-return]

    def translator(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Translator:
        return self.architecture.translator(inputs, outputs)  # type: ignore[no-any-return]
